/**
 * @file The pictures of the concepts, by the functions that draw runs. The logits are made up, from a seed: they show what a search works on,
 * not what one found.
 */
import { createRandom } from '../../dist/base/random.js';
import { decodeAutoDeepLab, moveProbabilities } from '../../dist/decode/autoDeepLab.js';
import { publishedDints } from '../../dist/space/dints/published.js';
import { drawCell, drawGenotype, drawTrellis } from '../../dist/space/drawing.js';
import { OPERATOR_NAMES } from '../../dist/space/operators.js';
import { publishedGenotype } from '../../dist/space/published.js';
import { LEVELS, trellisEdges } from '../../dist/space/trellis.js';

const LAYERS = 8;
const EDGES = 9;

/** SVG texts by file name. */
export function conceptPictures() {
  const random = createRandom(4);
  const noise = () => random.uniform() - 0.5;
  const alpha = Array.from({ length: EDGES }, () => OPERATOR_NAMES.map(() => 3 * noise()));
  const even = movesOf(() => 0);
  const beta = movesOf(() => 4 * noise());
  const decoded = decodeAutoDeepLab(
    { alpha, beta },
    { filters: 8, atrous: 'dense', rank: 2, provenance: { origin: 'logits that were made up for this picture' } },
  );
  return {
    'concept-trellis-start.svg': drawTrellis(moveProbabilities({ beta: even }), Array(LAYERS).fill(0)),
    'concept-trellis.svg': drawTrellis(moveProbabilities({ beta }), decoded.path),
    'concept-cell.svg': drawCell(publishedGenotype(20)),
    'concept-decoded.svg': drawGenotype(decoded),
    'concept-dints.svg': drawGenotype(publishedDints()),
  };
}

/** A logit for every move of the trellis, null where there is none. */
function movesOf(logit) {
  const beta = Array.from({ length: LAYERS }, () => Array.from({ length: LEVELS }, () => [null, null, null]));
  for (const { layer, from, move } of trellisEdges(LAYERS)) beta[layer][from][move] = logit();
  return beta;
}
