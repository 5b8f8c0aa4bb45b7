/** @file A volume in 3D by niivue, which is large: import this file only when somebody asks for it. */
import { Niivue, NVImage, SLICE_TYPE } from '@niivue/niivue';
import type { SampleVolume } from '../../src/data/sampleVolume.ts';
import type { Overlay } from './volumeSlice.ts';

/** A volume that is shown in 3D. */
export interface Scene {
  /** `opacity` in [0, 1]: 0 is the image alone, 1 the colours alone. */
  show(overlay: Overlay, opacity: number): void;
  close(): void;
}

/** Opens the scene on a canvas. @throws Error where the browser cannot draw it. */
export async function openScene(canvas: HTMLCanvasElement, volume: SampleVolume): Promise<Scene> {
  const niivue = new Niivue({
    backColor: [0, 0, 0, 1],
    show3Dcrosshair: false,
    dragAndDropEnabled: false,
    logLevel: 'error',
  });
  await niivue.attachToCanvas(canvas);
  niivue.setSliceType(SLICE_TYPE.RENDER);
  niivue.setScale(1.4);
  await niivue.loadFromArrayBuffer(fileOf(volume, volume.image), 'image.nii');
  await niivue.loadFromArrayBuffer(fileOf(volume, new Uint8Array(volume.image.length)), 'colours.nii');
  await niivue.setVolumeRenderIllumination(0.6);
  const [image, over] = niivue.volumes;
  const lay = ({ ids, colours }: Overlay): void => {
    over.img = ids.map((id) => (colours[id] ? id : 0));
    // As short as it may be: the library takes no table of 256 colours.
    const known = colours.slice(0, 1 + over.img.reduce((most, id) => Math.max(most, id), 1));
    const part = (c: number) => known.map((colour) => colour?.[c] ?? 0);
    over.setColormapLabel({
      R: part(0),
      G: part(1),
      B: part(2),
      A: known.map((colour) => (colour ? 255 : 0)),
      I: [...known.keys()],
    });
  };
  let shown: Overlay | undefined;
  return {
    show(overlay, opacity) {
      if (overlay !== shown) lay(overlay);
      shown = overlay;
      image.opacity = 1 - opacity;
      over.opacity = opacity;
      niivue.updateGLVolume();
    },
    close() {
      niivue.cleanup();
      niivue.gl.getExtension('WEBGL_lose_context')?.loseContext();
    },
  };
}

/** Bytes of a volume as a NIfTI file. */
function fileOf({ shape, spacingMm }: SampleVolume, samples: Uint8Array): ArrayBuffer {
  const [depth, height, width] = shape;
  const [z, y, x] = spacingMm;
  const affine = [x, 0, 0, 0, 0, y, 0, 0, 0, 0, z, 0, 0, 0, 0, 1];
  return NVImage.createNiftiArray([width, height, depth], [x, y, z], affine, 2, samples).buffer as ArrayBuffer;
}
