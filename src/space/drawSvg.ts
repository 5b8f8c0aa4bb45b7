/**
 * @file The few elements that the drawings of architectures are made of, as SVG text. Knows no architecture.
 */
import { SVG_TEXT, svgFile } from '../base/svg.ts';
import { escapeMarkup } from '../base/text.ts';

/** A piece of a drawing in its own coordinates, from (0, 0) to (width, height). */
export interface Fragment {
  readonly width: number;
  readonly height: number;
  readonly body: string;
}

/** Colours of the drawings, on white. */
export const INK = {
  text: SVG_TEXT,
  quiet: '#59636e',
  faint: '#d8dee4',
  line: '#818b98',
  path: '#c2410c',
  node: '#ffffff',
} as const;

type Attributes = Readonly<Record<string, string | number | undefined>>;

/** One element; numbers are rounded to a hundredth, attributes that are undefined are left out. */
export function element(name: string, attributes: Attributes, content = ''): string {
  const list = Object.entries(attributes)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}="${typeof value === 'number' ? rounded(value) : escapeMarkup(String(value))}"`)
    .join('');
  return content === '' ? `<${name}${list}/>` : `<${name}${list}>${content}</${name}>`;
}

/** A line of text, its middle line at `y`. */
export const textAt = (x: number, y: number, content: string, attributes: Attributes = {}): string =>
  // Not dominant-baseline: some renderers ignore it.
  element('text', { x, y: y + 4.2, ...attributes }, escapeMarkup(content));

/** A path from points, with rounded corners of at most `radius`. */
export function polyline(points: readonly (readonly [x: number, y: number])[], radius: number): string {
  const parts = points.map(([x, y], i) => {
    const before = points[i - 1];
    const after = points[i + 1];
    if (!before || !after) return `${i === 0 ? 'M' : 'L'}${rounded(x)} ${rounded(y)}`;
    const [fromX, fromY] = towards([x, y], before, radius);
    const [toX, toY] = towards([x, y], after, radius);
    return `L${rounded(fromX)} ${rounded(fromY)}Q${rounded(x)} ${rounded(y)} ${rounded(toX)} ${rounded(toY)}`;
  });
  return parts.join('');
}

/** Fragments below each other. */
export function stack(fragments: readonly Fragment[], gap: number): Fragment {
  let y = 0;
  const body = fragments.map((fragment) => {
    const placed = element('g', { transform: `translate(0 ${rounded(y)})` }, fragment.body);
    y += fragment.height + gap;
    return placed;
  });
  return {
    width: Math.max(...fragments.map(({ width }) => width)),
    height: y - gap,
    body: body.join('\n'),
  };
}

/** The whole file: the fragment on a white card; `title` is what a screen reader says. */
export function svgDocument(fragment: Fragment, title: string, margin = 16): string {
  const width = Math.ceil(fragment.width + 2 * margin);
  const height = Math.ceil(fragment.height + 2 * margin);
  return svgFile(width, height, title, [element('g', { transform: `translate(${margin} ${margin})` }, fragment.body)]);
}

const rounded = (value: number): string => String(Math.round(value * 100) / 100);

function towards(
  [x, y]: readonly [number, number],
  [otherX, otherY]: readonly [number, number],
  radius: number,
): [number, number] {
  const length = Math.hypot(otherX - x, otherY - y);
  const share = length === 0 ? 0 : Math.min(radius, length / 2) / length;
  return [x + (otherX - x) * share, y + (otherY - y) * share];
}
