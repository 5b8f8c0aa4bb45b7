/**
 * @file Drawings of architectures: the path through the trellis, the cell, both, and a trellis in the middle of a search. Pure; SVG text.
 */
import { ArchitectureError } from '../base/errors.ts';
import { topologyFragment } from './dints/drawTopology.ts';
import { cellFragment } from './drawCell.ts';
import { type Fragment, INK, stack, svgDocument, textAt } from './drawSvg.ts';
import { trellisFragment } from './drawTrellis.ts';
import { type AutoDeepLabGenotype, type Genotype, pathStrides } from './genotype.ts';

/** The trellis with every possible move faint and the path of the genotype on top. */
export const drawPath = (genotype: AutoDeepLabGenotype): string =>
  svgDocument(pathFragment(genotype), `path through the trellis: ${pathStrides(genotype.path, genotype.start)}`);

/** The cell: two inputs, blocks with their operators, the concatenation. */
export const drawCell = (genotype: AutoDeepLabGenotype): string =>
  svgDocument(cellFragment(genotype.cell), `cell of ${genotype.blocks} blocks`);

/** The whole architecture on one card: its numbers, where it comes from, and what was found: path and cell, or the topology. */
export function drawGenotype(genotype: Genotype): string {
  if (genotype.method === 'dints') {
    const topology = topologyFragment(genotype.topology, genotype);
    const parts = [title(genotype, Math.max(topology.width, TITLE_WIDTH)), topology];
    return svgDocument(stack(parts, 14), summary(genotype));
  }
  const path = pathFragment(genotype);
  const cell = cellFragment(genotype.cell);
  const width = Math.max(path.width, cell.width, TITLE_WIDTH);
  const parts = [title(genotype, width), heading('path'), path, heading('cell, the same in every layer'), cell];
  return svgDocument(stack(parts, 14), `${summary(genotype)}; path of ${pathStrides(genotype.path, genotype.start)}`);
}

const pathFragment = ({ path, start }: AutoDeepLabGenotype): Fragment => trellisFragment(path, undefined, start);

/**
 * The trellis of a search: a move is as thick as it is probable, the path is in colour.
 * @param moveProbabilities `[layers][4][3]`, in [0, 1]; moves are finer, same, coarser.
 * @param path one level per layer.
 * @throws ArchitectureError when the two have not the same number of layers.
 */
export function drawTrellis(
  moveProbabilities: readonly (readonly (readonly number[])[])[],
  path: readonly number[],
): string {
  if (moveProbabilities.length !== path.length) {
    throw new ArchitectureError(
      `expected move probabilities of ${path.length} layers as in the path, got ${moveProbabilities.length}`,
    );
  }
  return svgDocument(trellisFragment(path, moveProbabilities), `move probabilities; path of ${pathStrides(path)}`);
}

/** Room for the longest summary. */
const TITLE_WIDTH = 680;

const counted = (count: number, word: string): string => `${count} ${word}${count === 1 ? '' : 's'}`;

function summary(genotype: Genotype): string {
  const { method, rank, layers, filters } = genotype;
  const inside =
    method === 'dints'
      ? [counted(genotype.topology.flat().length, 'edge'), counted(filters, 'filter')]
      : [counted(genotype.blocks, 'block'), counted(filters, 'filter'), `${genotype.atrous} atrous convolutions`];
  return `${method}, ${rank}D: ${[counted(layers, 'layer'), ...inside].join(', ')}`;
}

function title(genotype: Genotype, width: number): Fragment {
  const provenance = Object.entries(genotype.provenance ?? {}).map(([key, text]) => `${key}: ${text}`);
  // 7 units are more than a character of 12 units takes on average.
  const lines = provenance.map((text) => shortened(text, Math.floor(width / 7)));
  const body = [
    textAt(0, 9, summary(genotype), { 'font-size': 15, 'font-weight': 600 }),
    ...lines.map((line, i) => textAt(0, 32 + 17 * i, line, { fill: INK.quiet })),
  ];
  return { width, height: 20 + 17 * lines.length, body: body.join('\n') };
}

const heading = (text: string): Fragment => ({
  width: 0,
  height: 16,
  body: textAt(0, 8, text, { 'font-weight': 600, fill: INK.quiet }),
});

const shortened = (text: string, length: number): string => {
  const characters = [...text.replace(/\s+/g, ' ')];
  return characters.length <= length ? characters.join('') : `${characters.slice(0, length - 1).join('')}…`;
};
