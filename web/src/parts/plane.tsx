/** @file One plane of a volume on a canvas: its slice, the crosshair, the sides of the patient. Moved by pointer, wheel, keys and slider. */
import { useEffect, useRef, useState } from 'preact/hooks';
import type { SampleVolume } from '../../../src/data/sampleVolume.ts';
import { type Plane, placeAlong, shareOf } from '../../../src/data/slices.ts';
import { keyStep, type Overlay, type Place, slicePixels, stepped, wheelSteps } from '../volumeSlice.ts';
import { Slider } from './states.tsx';

export function PlaneView(props: {
  plane: Plane;
  volume: SampleVolume;
  place: Place;
  /** Width by height, in millimetres. */
  ratio: number;
  overlay: Overlay;
  opacity: number;
  /** Called with how the crosshair moves from where it is. */
  onMove: (move: (before: Place) => Place) => void;
}) {
  const { plane, volume, place, ratio, overlay, opacity, onMove } = props;
  const { name, through, down, right } = plane;
  const canvas = useRef<HTMLCanvasElement>(null);
  const [, drawAgain] = useState(0);
  const move = (axis: 0 | 1 | 2, steps: number) => onMove((before) => stepped(before, axis, steps, volume));
  useEffect(() => {
    const shown = canvas.current as HTMLCanvasElement;
    const watcher = new ResizeObserver(() => drawAgain(shown.clientWidth));
    watcher.observe(shown);
    const stepsOf = wheelSteps();
    const onWheel = (event: WheelEvent) => {
      if (event.ctrlKey) return; // Zooms the page.
      event.preventDefault();
      move(through, -stepsOf(event));
    };
    // Listeners of the framework may not keep the page from scrolling.
    shown.addEventListener('wheel', onWheel, { passive: false });
    return () => {
      watcher.disconnect();
      shown.removeEventListener('wheel', onWheel);
    };
  }, []);
  useEffect(() => {
    const crosshair = [shareOf(place[right], volume.shape[right]), shareOf(place[down], volume.shape[down])] as const;
    drawPlane(
      canvas.current as HTMLCanvasElement,
      slicePixels(volume, plane, place, overlay, opacity),
      crosshair,
      plane.sides,
    );
  });
  const point = ({ currentTarget, clientX, clientY }: PointerEvent) => {
    const { left, top, width, height } = (currentTarget as HTMLElement).getBoundingClientRect();
    const pointed: [number, number, number] = [...place];
    pointed[right] = placeAlong((clientX - left) / width, volume.shape[right]);
    pointed[down] = placeAlong((clientY - top) / height, volume.shape[down]);
    onMove(() => pointed);
  };
  return (
    <figure>
      <canvas
        ref={canvas}
        style={{ aspectRatio: ratio }}
        tabIndex={0}
        aria-label={`${name} slice: arrows move the crosshair, page up and page down the slice`}
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId);
          point(event);
        }}
        onPointerMove={(event) => event.buttons > 0 && point(event)}
        onKeyDown={(event) => {
          const step = keyStep(event.key, plane);
          if (step === undefined) return;
          event.preventDefault();
          move(...step);
        }}
      />
      <Slider
        name={name}
        value={place[through]}
        min={0}
        max={volume.shape[through] - 1}
        shown={`${place[through] + 1} of ${volume.shape[through]}`}
        onChange={(next) => move(through, next - place[through])}
      />
    </figure>
  );
}

/** Pale yellow, since slices are dark in every theme. */
const CROSSHAIR = 'rgb(255 224 102 / 0.75)';
const LETTERS = 'rgb(255 255 255 / 0.75)';
/** Units of the page between the crosshair's middle, which stays free, and its lines; from the edge to a letter. */
const GAP = 7;
const MARGIN = 10;

/** Draws a slice as large as the canvas is shown, sharp on every screen; `crosshair` in shares of width and height. */
function drawPlane(
  canvas: HTMLCanvasElement,
  { width, height, data }: ReturnType<typeof slicePixels>,
  crosshair: readonly [number, number],
  sides: Plane['sides'],
): void {
  const context = canvas.getContext('2d');
  const [across, high] = [canvas.clientWidth, canvas.clientHeight];
  if (context === null || across === 0) return;
  canvas.width = Math.round(across * devicePixelRatio);
  canvas.height = Math.round(high * devicePixelRatio);
  const slice = new OffscreenCanvas(width, height);
  slice.getContext('2d')?.putImageData(new ImageData(data, width, height), 0, 0);
  context.scale(canvas.width / across, canvas.height / high);
  context.imageSmoothingEnabled = false;
  context.drawImage(slice, 0, 0, across, high);
  const [x, y] = [crosshair[0] * across, crosshair[1] * high];
  context.strokeStyle = CROSSHAIR;
  context.beginPath();
  for (const [fromX, fromY, toX, toY] of [
    [0, y, x - GAP, y],
    [x + GAP, y, across, y],
    [x, 0, x, y - GAP],
    [x, y + GAP, x, high],
  ]) {
    context.moveTo(fromX, fromY);
    context.lineTo(toX, toY);
  }
  context.stroke();
  context.fillStyle = LETTERS;
  context.font = '12px system-ui, sans-serif';
  context.textAlign = 'center';
  context.textBaseline = 'middle';
  const [left, rightSide, up, down] = sides;
  context.fillText(left, MARGIN, high / 2);
  context.fillText(rightSide, across - MARGIN, high / 2);
  context.fillText(up, across / 2, MARGIN);
  context.fillText(down, across / 2, high - MARGIN);
}
