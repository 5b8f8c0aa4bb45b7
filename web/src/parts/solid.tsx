/** @file A volume in 3D, turned by the pointer. The library that draws it is loaded with the first volume that is shown so. */
import { useEffect, useRef, useState } from 'preact/hooks';
import type { SampleVolume } from '../../../src/data/sampleVolume.ts';
import type { Scene } from '../scene.ts';
import type { Overlay } from '../volumeSlice.ts';

/** Another volume needs another element. */
export function Solid({ volume, overlay, opacity }: { volume: SampleVolume; overlay: Overlay; opacity: number }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [scene, setScene] = useState<Scene>();
  const [failure, setFailure] = useState<string>();
  useEffect(() => {
    const opening = import('../scene.ts').then(({ openScene }) =>
      openScene(canvas.current as HTMLCanvasElement, volume),
    );
    opening.then(setScene, (error: Error) => setFailure(error.message));
    return () => {
      opening.then(
        (opened) => opened.close(),
        () => undefined,
      );
    };
  }, []);
  useEffect(() => scene?.show(overlay, opacity), [scene, overlay, opacity]);
  if (failure !== undefined)
    return (
      <p class="bad" role="alert">
        3D is not possible here: {failure}
      </p>
    );
  return (
    <div class="solid" aria-busy={scene === undefined}>
      <canvas ref={canvas} tabIndex={0} aria-label="volume in 3D: drag to turn, wheel to zoom" />
    </div>
  );
}
