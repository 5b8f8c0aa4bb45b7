/** @file A scored volume: three planes through one voxel and what is there, or all of it in 3D. */

import { useMemo, useState } from 'preact/hooks';
import { rangeOf } from '../../../src/base/lists.ts';
import { ERROR_COLOURS, paletteOf } from '../../../src/data/images/visual.ts';
import type { SampleVolume } from '../../../src/data/sampleVolume.ts';
import { middleOf, PLANES } from '../../../src/data/slices.ts';
import { IGNORE, type SegmentationClass } from '../../../src/data/types.ts';
import { PlaneView } from '../parts/plane.tsx';
import { Solid } from '../parts/solid.tsx';
import { Failed, Loading } from '../parts/states.tsx';
import { useLoaded } from '../parts/useLoaded.ts';
import { fetchVolume } from '../sampleFile.ts';
import { type Over, overlayOf, type Place, voxelAt } from '../volumeSlice.ts';

/** How a volume is shown. */
export interface Look {
  readonly over: Over;
  /** Of the colours over the image, in [0, 1]. */
  readonly opacity: number;
  readonly isSolid: boolean;
  readonly classes: readonly SegmentationClass[];
}

export function VolumeSample({ address, name, ...look }: { address: string; name: string } & Look) {
  const loaded = useLoaded(async () => {
    const volume = await fetchVolume(address, name);
    return volume && { address, volume };
  }, address);
  if (loaded.state === 'loading') return <Loading what={name} />;
  if (loaded.state === 'missing') return <Failed message={`${name} is not there any more`} />;
  if (loaded.state === 'failed') return <Failed message={loaded.message} />;
  return <Volume key={loaded.value.address} volume={loaded.value.volume} {...look} />;
}

function Volume({ volume, over, opacity, isSolid, classes }: { volume: SampleVolume } & Look) {
  const [place, setPlace] = useState<Place>(() => middleOf(volume));
  const overlay = useMemo(() => overlayOf(volume, over, paletteOf(classes)), [volume, over, classes]);
  const millimetres = volume.shape.map((side, axis) => side * volume.spacingMm[axis]);
  const widths = PLANES.map(({ right }) => millimetres[right]);
  const tallest = rangeOf(PLANES.map(({ down }) => millimetres[down]))[1];
  // All planes at one scale, none higher than the window.
  const layout = {
    '--columns': widths.map((width) => `minmax(0, ${width}fr)`).join(' '),
    '--ratio': widths.reduce((sum, width) => sum + width, 0) / tallest,
  };
  return (
    <>
      {isSolid ? (
        <Solid volume={volume} overlay={overlay} opacity={opacity} />
      ) : (
        <>
          <div class="planes" style={layout}>
            {PLANES.map((plane) => (
              <PlaneView
                key={plane.name}
                plane={plane}
                volume={volume}
                place={place}
                ratio={millimetres[plane.right] / millimetres[plane.down]}
                overlay={overlay}
                opacity={opacity}
                onMove={setPlace}
              />
            ))}
          </div>
          <Reading volume={volume} place={place} classes={classes} />
        </>
      )}
      <Legend over={over} classes={classes} />
    </>
  );
}

/** What is under the crosshair. */
function Reading({ volume, place, classes }: { volume: SampleVolume; place: Place } & Pick<Look, 'classes'>) {
  const at = voxelAt(volume, place);
  const nameOf = (id: number) => (id === IGNORE ? 'not counted' : (classes[id]?.name ?? `class ${id}`));
  const [z, y, x] = place;
  return (
    <p class="reading" role="status">
      <span>
        voxel {x}, {y}, {z}
      </span>
      <span>label: {nameOf(volume.label[at])}</span>
      <span>prediction: {nameOf(volume.prediction[at])}</span>
    </p>
  );
}

const ERROR_NAMES = { right: 'found', wrong: 'wrong', uncounted: 'not counted' } as const;

function Legend({ over, classes }: Pick<Look, 'over' | 'classes'>) {
  const entries =
    over === 'error'
      ? (['right', 'wrong', 'uncounted'] as const).map((key) => ({
          name: ERROR_NAMES[key],
          colour: ERROR_COLOURS[key],
        }))
      : classes.slice(1);
  return (
    <ul class="legend" aria-label="colours">
      {entries.map(({ name, colour }) => (
        <li key={name}>
          <i class="swatch" style={{ background: `rgb(${colour.join(' ')})` }} />
          {name}
        </li>
      ))}
    </ul>
  );
}
