/**
 * @file The embedded scenes: an outdoor view painted from a seed. Ground in perspective, so objects span a 16-fold range of sizes and
 * every resolution is needed; colours overlap between classes, so texture and place must tell them apart: a box wears the
 * colours of buildings but stands on the ground without windows, a ball may be as green as a tree crown but is smooth.
 */
import { createRandom, type Random } from '../../base/random.ts';
import { createNoise } from '../noise.ts';
import type { LabelledImage } from '../types.ts';

const [SKY, GROUND, BUILDING, TREE, BALL, BOX, POLE] = [0, 1, 2, 3, 4, 5, 6];

type Rgb = readonly [number, number, number];

/** What all brushes share: the image in floats, the light and the horizon. */
interface Canvas {
  width: number;
  height: number;
  /** Row of the horizon. */
  horizon: number;
  rgb: Float32Array;
  label: Uint8Array;
  /** -1 light from the left, 1 from the right. */
  light: number;
  noise: (x: number, y: number) => number;
  random: Random;
}

const WALLS: readonly Rgb[] = [
  [158, 104, 84],
  [172, 158, 138],
  [128, 130, 138],
  [186, 146, 96],
  [120, 92, 80],
];
const SOILS: readonly Rgb[] = [
  [112, 128, 74],
  [146, 128, 96],
  [108, 108, 110],
];

/** Paints the scene of a seed: the same on every machine. */
export function paintScene(seed: number, width: number, height: number): LabelledImage<Uint8Array> {
  const random = createRandom(seed, 0x5ce9e);
  const canvas: Canvas = {
    width,
    height,
    horizon: Math.round(height * (0.3 + 0.2 * random.uniform())),
    rgb: new Float32Array(width * height * 3),
    label: new Uint8Array(width * height),
    light: random.uniform() < 0.5 ? -1 : 1,
    noise: createNoise(random),
    random,
  };
  paintSky(canvas);
  paintGround(canvas);
  paintBuildings(canvas);
  // Nearness 1 is the front edge: sizes go from 1/16 to 1, evenly in the logarithm, and the far are painted first.
  const count = 12 + random.integer(8);
  const nearness = Array.from({ length: count }, () => 2 ** (-4 * random.uniform())).sort((a, b) => a - b);
  for (const near of nearness) paintObject(canvas, near);
  return { width, height, image: develop(canvas), label: canvas.label };
}

function paintSky({ width, horizon, height, rgb, label, noise, random }: Canvas): void {
  const grey = random.uniform();
  const top: Rgb = [70 + 80 * grey, 120 + 40 * grey, 190 - 20 * grey];
  const cover = 0.35 + 0.35 * random.uniform();
  for (let y = 0; y < horizon; y++) {
    const down = y / horizon;
    for (let x = 0; x < width; x++) {
      const u = (x / height) * 4;
      const v = (y / height) * 9;
      const cloud = Math.min(1, Math.max(0, (0.65 * noise(u, v) + 0.35 * noise(u * 2.7, v * 2.7) - cover) * 3));
      const at = (y * width + x) * 3;
      for (let c = 0; c < 3; c++) {
        const clear = top[c] + (212 - top[c]) * down * 0.8;
        rgb[at + c] = clear + (232 - clear) * cloud;
      }
      label[y * width + x] = SKY;
    }
  }
}

function paintGround({ width, height, horizon, rgb, label, noise, random }: Canvas): void {
  const soil = pick(SOILS, random);
  const other = pick(SOILS, random);
  // A path of another soil leads to the horizon.
  const vanish = width * (0.2 + 0.6 * random.uniform());
  const foot = width * (0.1 + 0.8 * random.uniform());
  const half = width * (0.08 + 0.22 * random.uniform());
  for (let y = horizon; y < height; y++) {
    const near = (y - horizon + 1) / (height - horizon);
    for (let x = 0; x < width; x++) {
      const u = ((x - width / 2) / width / near) * 6;
      const v = 8 / near;
      const edge = Math.abs(x - vanish - (foot - vanish) * near) - half * near;
      const base = edge < 0 ? other : soil;
      const grain = (noise(u * 2, v) - 0.5) * 46 + (noise(x * 0.9, y * 0.9) - 0.5) * 34 * near;
      const at = (y * width + x) * 3;
      const haze = 0.35 * (1 - near) ** 3;
      for (let c = 0; c < 3; c++) rgb[at + c] = (base[c] + grain) * (1 - haze) + 196 * haze;
      label[y * width + x] = GROUND;
    }
  }
}

function paintBuildings(canvas: Canvas): void {
  const { width, height, horizon, random, light } = canvas;
  const count = random.integer(5);
  for (let n = 0; n < count; n++) {
    const wide = Math.round(width * (0.08 + 0.24 * random.uniform()));
    const tall = Math.round(height * (0.08 + 0.28 * random.uniform()));
    const left = Math.round(random.uniform() * (width - wide * 0.5) - wide * 0.25);
    const bottom = horizon + Math.round(height * 0.03 * random.uniform()) + 1;
    const wall = pick(WALLS, random);
    const pitch = 4 + random.integer(6);
    const side = Math.round(wide * 0.3);
    paint(canvas, BUILDING, left, bottom - tall, left + wide, bottom, (x, y) => {
      const shaded = light < 0 ? x > left + wide - side : x < left + side;
      const column = (x - left) % pitch;
      const row = (y - bottom + tall) % (pitch + 1);
      const window = column > pitch * 0.4 && row > pitch * 0.4 && y < bottom - pitch;
      const tone = (window ? 0.45 : 1) * (shaded ? 0.62 : 1.04);
      return [wall[0] * tone, wall[1] * tone, wall[2] * tone + (window ? 22 : 0)];
    });
  }
}

function paintObject(canvas: Canvas, near: number): void {
  const { width, height, horizon, random } = canvas;
  const foot = horizon + (height - horizon) * (0.04 + 0.9 * near);
  const x = random.uniform() * width;
  const unit = height * near;
  const kind = random.integer(4);
  const size = 0.75 + 0.5 * random.uniform();
  if (kind === 0) paintTree(canvas, x, foot, unit * 0.85 * size);
  else if (kind === 1) paintBall(canvas, x, foot, unit * 0.17 * size);
  else if (kind === 2) paintBox(canvas, x, foot, unit * 0.36 * size);
  else paintPole(canvas, x, foot, unit * 0.9 * size);
}

function paintTree(canvas: Canvas, x: number, foot: number, tall: number): void {
  const { noise, random, light } = canvas;
  paintShadow(canvas, x, foot, tall * 0.34);
  const trunk = Math.max(0.6, tall * 0.035);
  paint(canvas, TREE, x - trunk, foot - tall * 0.45, x + trunk, foot, (px) => {
    const tone = 0.85 - 0.4 * light * ((px - x) / trunk) * -1;
    return [88 * tone, 68 * tone, 48 * tone];
  });
  const radius = tall * 0.3;
  const cy = foot - tall * 0.66;
  const green: Rgb = [52 + 44 * random.uniform(), 92 + 44 * random.uniform(), 38 + 20 * random.uniform()];
  const lumps = 9 / radius;
  const phase = random.uniform() * 99;
  paint(canvas, TREE, x - radius * 1.3, cy - radius * 1.3, x + radius * 1.3, cy + radius * 1.3, (px, py) => {
    const dx = (px - x) / radius;
    const dy = (py - cy) / radius;
    const lump = noise(px * lumps * 0.4 + phase, py * lumps * 0.4);
    if (dx * dx + dy * dy * 0.8 > 0.6 + 0.75 * lump) return undefined;
    const leaves = noise(px * 0.8 + phase, py * 0.8);
    const tone = 0.5 + 0.6 * lump + 0.4 * (leaves - 0.5) + 0.22 * (dx * light - dy);
    return [green[0] * tone, green[1] * tone, green[2] * tone];
  });
}

function paintBall(canvas: Canvas, x: number, foot: number, radius: number): void {
  const { random, light } = canvas;
  paintShadow(canvas, x, foot, radius * 1.5);
  // A third of the balls are as green as trees: only their smooth shade differs.
  const colour: Rgb =
    random.uniform() < 0.34
      ? [60 + 40 * random.uniform(), 110 + 30 * random.uniform(), 46]
      : [60 + 180 * random.uniform(), 60 + 140 * random.uniform(), 50 + 170 * random.uniform()];
  const cy = foot - radius;
  paint(canvas, BALL, x - radius, cy - radius, x + radius, cy + radius, (px, py) => {
    const dx = (px - x) / radius;
    const dy = (py - cy) / radius;
    const square = dx * dx + dy * dy;
    if (square > 1) return undefined;
    const facing = 0.5 * dx * light - 0.55 * dy + 0.67 * Math.sqrt(1 - square);
    const shine = facing > 0.93 ? (facing - 0.93) * 1800 : 0;
    const tone = 0.35 + 0.8 * Math.max(0, facing);
    return [colour[0] * tone + shine, colour[1] * tone + shine, colour[2] * tone + shine];
  });
}

function paintBox(canvas: Canvas, x: number, foot: number, size: number): void {
  const { random, light } = canvas;
  paintShadow(canvas, x, foot, size * 0.75);
  const wall = pick(WALLS, random);
  const tall = size * (0.6 + 0.6 * random.uniform());
  const half = size / 2;
  const lid = tall * 0.22;
  const corner = x - light * half * (0.2 + 0.5 * random.uniform());
  const plank = Math.max(2, size / 5);
  paint(canvas, BOX, x - half, foot - tall - lid, x + half, foot, (px, py) => {
    const fromTop = py - (foot - tall);
    if (fromTop < 0) {
      const slant = (-fromTop / lid) * half * 0.5;
      return Math.abs(px - x) > half - slant ? undefined : [wall[0] * 1.22, wall[1] * 1.22, wall[2] * 1.22];
    }
    const lit = (px - corner) * light > 0;
    const gap = fromTop % plank < Math.max(0.8, plank * 0.12) ? 0.72 : 1;
    const tone = (lit ? 1.02 : 0.6) * gap;
    return [wall[0] * tone, wall[1] * tone, wall[2] * tone];
  });
}

function paintPole(canvas: Canvas, x: number, foot: number, tall: number): void {
  const { random, light } = canvas;
  const half = Math.max(0.5, tall * 0.018);
  const grey = 70 + 120 * random.uniform();
  const shade = (px: number): Rgb => {
    const tone = 0.8 + 0.35 * light * ((px - x) / half);
    return [grey * tone, grey * tone, grey * tone * 1.04];
  };
  paintShadow(canvas, x, foot, half * 4);
  paint(canvas, POLE, x - half, foot - tall, x + half, foot, shade);
  if (random.uniform() < 0.5) {
    const arm = tall * 0.16 * light;
    paint(canvas, POLE, Math.min(x, x + arm), foot - tall, Math.max(x, x + arm), foot - tall + half * 2, () => [
      grey,
      grey,
      grey,
    ]);
  }
}

/** Darkens the ground beside an object, away from the light; the label stays. */
function paintShadow(canvas: Canvas, x: number, foot: number, radius: number): void {
  const { width, height, horizon, rgb, label, light } = canvas;
  const cx = x - light * radius * 0.8;
  const flat = Math.max(1, radius * 0.25);
  const [x0, x1] = [Math.max(0, Math.floor(cx - radius)), Math.min(width - 1, Math.ceil(cx + radius))];
  const [y0, y1] = [Math.max(horizon, Math.floor(foot - flat)), Math.min(height - 1, Math.ceil(foot + flat))];
  for (let y = y0; y <= y1; y++) {
    for (let px = x0; px <= x1; px++) {
      const square = ((px - cx) / radius) ** 2 + ((y - foot) / flat) ** 2;
      if (square > 1 || label[y * width + px] !== GROUND) continue;
      const tone = 0.58 + 0.42 * square;
      const at = (y * width + px) * 3;
      for (let c = 0; c < 3; c++) rgb[at + c] *= tone;
    }
  }
}

/** Fills the pixels whose centre lies in a rectangle and for which `colour` gives one. */
function paint(
  { width, height, rgb, label }: Canvas,
  id: number,
  left: number,
  top: number,
  right: number,
  bottom: number,
  colour: (x: number, y: number) => Rgb | undefined,
): void {
  const x0 = Math.max(0, Math.ceil(left - 0.5));
  const x1 = Math.min(width - 1, Math.max(Math.ceil(right - 0.5) - 1, Math.floor(left)));
  const y1 = Math.min(height, Math.ceil(bottom - 0.5));
  for (let y = Math.max(0, Math.ceil(top - 0.5)); y < y1; y++) {
    for (let x = x0; x <= x1; x++) {
      const value = colour(x + 0.5, y + 0.5);
      if (value === undefined) continue;
      const at = y * width + x;
      rgb.set(value, at * 3);
      label[at] = id;
    }
  }
}

/** The camera: exposure, light across the image, noise, 8 bits. */
function develop({ width, height, rgb, light, random }: Canvas): Uint8Array {
  const exposure = 0.75 + 0.45 * random.uniform();
  const slope = 0.3 * random.uniform() * light;
  const grain = 3 + 7 * random.uniform();
  const cast = [0.94 + 0.12 * random.uniform(), 1, 0.94 + 0.12 * random.uniform()];
  const image = new Uint8Array(rgb.length);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const gain = exposure * (1 + slope * (x / width - 0.5));
      for (let c = 0; c < 3; c++, at++) {
        // The sum of three uniforms is near enough to a normal for noise and four times as fast.
        const noise = (random.uniform() + random.uniform() + random.uniform() - 1.5) * 2 * grain;
        const value = rgb[at] * gain * cast[c] + noise;
        image[at] = value < 0 ? 0 : value > 255 ? 255 : value + 0.5;
      }
    }
  }
  return image;
}

function pick<T>(items: readonly T[], random: Random): T {
  return items[random.integer(items.length)];
}
