/** @file Samples: the image or the volume with the label, the prediction or the error over it, as opaque as one likes. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { isBackground } from '../../../src/data/images/visual.ts';
import type { SegmentationClass } from '../../../src/data/types.ts';
import type { DataFile } from '../../../src/run/dataFile.ts';
import { formatShare } from '../format.ts';
import { Card, Choice, Empty, Slider } from '../parts/states.tsx';
import { useLoaded } from '../parts/useLoaded.ts';
import { addressOf, fetchDocument, type LoadedRun } from '../state.ts';
import type { Over } from '../volumeSlice.ts';
import { VolumeSample } from './volume.tsx';

/** What a sample file shows side by side, white columns of so many pixels between. */
const PANELS = ['image', 'label', 'prediction', 'error'] as const;
const GAP = 4;
/** What may lie over the image. */
const OVER = ['label', 'prediction', 'error'] as const satisfies readonly Over[];

export function SamplesView({ detail }: LoadedRun) {
  const { samples, volumes, summary } = detail;
  const [chosen, setChosen] = useState(0);
  const [over, setOver] = useState<Over>('prediction');
  const [opacity, setOpacity] = useState(0.6);
  const [isSolid, setSolid] = useState(false);
  const data = useLoaded(() => fetchDocument<DataFile>(detail, 'data'), summary.id);
  useEffect(() => {
    const onKey = ({ key, target }: KeyboardEvent) => {
      if (target instanceof HTMLElement && target.matches('select, input:not([type=range])')) return;
      const by = { j: 1, k: -1 }[key];
      if (by !== undefined) setChosen((now) => (now + by + samples.length) % samples.length);
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, [samples.length]);
  if (samples.length === 0)
    return (
      <Empty title="No samples yet">
        <p>They are written when the network is scored, at the end of a training.</p>
      </Empty>
    );
  const name = samples[Math.min(chosen, samples.length - 1)];
  const volume = name.replace(/\.png$/, '.nii.gz');
  const hasVolume = volumes.includes(volume);
  const { rank, classes } = data.state === 'ready' ? data.value : { rank: 2, classes: [] };
  const shares = data.state === 'ready' ? data.value.report?.classShares : undefined;
  // Of runs of earlier versions only the image of three slices is there.
  const isDrawn = rank === 3 && !hasVolume;
  return (
    <Card
      title={hasVolume ? volume : name}
      aside={
        !isDrawn && (
          <>
            <Choice names={OVER} chosen={over} label="what is drawn over the image" onChange={setOver} />
            <Slider
              name="opacity"
              value={opacity}
              min={0}
              max={1}
              step={0.05}
              shown={`${Math.round(100 * opacity)} %`}
              onChange={setOpacity}
            />
            {hasVolume && (
              <button type="button" aria-pressed={isSolid} onClick={() => setSolid(!isSolid)}>
                3D
              </button>
            )}
          </>
        )
      }
    >
      {hasVolume ? (
        <VolumeSample
          address={addressOf(summary.id, 'samples', volume)}
          name={volume}
          classes={classes as readonly SegmentationClass[]}
          over={over}
          opacity={opacity}
          isSolid={isSolid}
        />
      ) : isDrawn ? (
        <Slices source={addressOf(summary.id, 'samples', name)} name={name} />
      ) : (
        <>
          <Overlay
            source={addressOf(summary.id, 'samples', name)}
            over={over}
            opacity={opacity}
            name={name}
            clear={classes.find(isBackground)?.colour}
          />
          {over === 'error' ? (
            <p class="quiet">Blue is right, orange is wrong, grey does not count.</p>
          ) : (
            <Legend classes={classes} shares={shares} />
          )}
        </>
      )}
      <ul class="thumbnails" aria-label="samples">
        {samples.map((sample, i) => (
          <li key={sample}>
            <button type="button" aria-pressed={sample === name} onClick={() => setChosen(i)}>
              <img src={addressOf(summary.id, 'samples', sample)} alt={sample} loading="lazy" />
            </button>
          </li>
        ))}
      </ul>
    </Card>
  );
}

/** A volume: its three slices as they were drawn. */
const Slices = ({ source, name }: { source: string; name: string }) => (
  <>
    <img class="slices" src={source} alt={`${name}: axial, coronal and sagittal slice`} />
    <p class="quiet">Pale outlines are the label, strong ones the prediction.</p>
  </>
);

/** The classes with their colours and their shares of the training pixels. */
const Legend = ({ classes, shares }: Pick<DataFile, 'classes'> & { shares: readonly number[] | undefined }) => (
  <ul class="legend" aria-label="classes, with their shares of the training pixels">
    {classes.map((one, id) => (
      <li key={one.name}>
        <span
          class={`swatch ${isBackground(one) ? 'clear' : ''}`}
          style={`background-color: rgb(${one.colour.join(' ')})`}
        />
        {one.name}
        {shares?.[id] !== undefined && ` ${formatShare(shares[id], 1)}`}
      </li>
    ))}
  </ul>
);

function Overlay({
  source,
  over,
  opacity,
  name,
  clear,
}: {
  source: string;
  over: Over;
  opacity: number;
  name: string;
  /** Colour of the class through which the image shows. */
  clear?: readonly number[] | undefined;
}) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [image, setImage] = useState<HTMLImageElement | 'failed'>();
  useEffect(() => {
    const image = new Image();
    let isCurrent = true;
    image.onload = () => isCurrent && setImage(image);
    image.onerror = () => isCurrent && setImage('failed');
    image.src = source;
    return () => {
      isCurrent = false;
    };
  }, [source]);
  useEffect(() => {
    const context = canvas.current?.getContext('2d');
    if (!context || !(image instanceof HTMLImageElement)) return;
    drawOverlay(context, image, PANELS.indexOf(over), opacity, over === 'error' ? undefined : clear);
  }, [image, over, opacity, clear?.join()]);
  if (image === 'failed') return <p class="bad">The image {name} could not be shown.</p>;
  return <canvas class="overlay" ref={canvas} role="img" aria-label={`${name} with its ${over}`} />;
}

/** Draws the panel `over` on the first one; an image that is not made of panels is drawn as it is. */
function drawOverlay(
  context: CanvasRenderingContext2D,
  image: HTMLImageElement,
  over: number,
  opacity: number,
  clear?: readonly number[],
): void {
  const { naturalWidth: across, naturalHeight: height } = image;
  const width = (across - GAP * (PANELS.length - 1)) / PANELS.length;
  const isPanels = Number.isInteger(width) && width > 0;
  context.canvas.width = isPanels ? width : across;
  context.canvas.height = height;
  if (!isPanels) {
    context.drawImage(image, 0, 0);
    return;
  }
  const draw = (panel: number) =>
    context.drawImage(image, panel * (width + GAP), 0, width, height, 0, 0, width, height);
  context.globalAlpha = 1;
  draw(0);
  const shown = clear && context.getImageData(0, 0, width, height);
  context.globalAlpha = opacity;
  draw(over);
  if (!shown || !clear) return;
  // The panel by itself says where the class is.
  const panel = new OffscreenCanvas(width, height).getContext('2d');
  panel?.drawImage(image, over * (width + GAP), 0, width, height, 0, 0, width, height);
  const labels = panel?.getImageData(0, 0, width, height).data;
  const mixed = context.getImageData(0, 0, width, height);
  if (!labels) return;
  for (let i = 0; i < labels.length; i += 4)
    if (labels[i] === clear[0] && labels[i + 1] === clear[1] && labels[i + 2] === clear[2])
      mixed.data.set(shown.data.subarray(i, i + 4), i);
  context.putImageData(mixed, 0, 0);
}
