/**
 * @file What training passes compute in. On a GPU everything between the images and the logits is in bfloat16. On a processor operators hand float32 to
 * each other and only products are in bfloat16, where it has tiles for them: the rest gains nothing there. Weights, losses and scores are float32.
 */
import { hasBfloat16Tiles } from '../../engine/device.ts';
import { toDType } from '../../engine/operators.ts';
import type { Tensor } from '../../engine/tensor.ts';
import type { SearchNetwork } from '../../method/method.ts';
import type { Pass, Precision } from '../../nn/layers.ts';

/** A search network whose training passes are in `precision`. */
export const inPrecision = (network: SearchNetwork, precision: Precision): SearchNetwork =>
  precision === 'float32'
    ? network
    : {
        ...network,
        forward(images, pass, genotype) {
          const given = lowered(precision, images, pass);
          return toDType(network.forward(given.images, given.pass, genotype), 'float32');
        },
      };

/** Images and pass of a training pass in `precision`, other passes as they are; the logits that come of them are to be brought back to float32. */
export function lowered(precision: Precision, images: Tensor, pass: Pass): { images: Tensor; pass: Pass } {
  if (precision === 'float32' || !pass.training) return { images, pass };
  if (images.device !== 'cpu') return { images: toDType(images, precision), pass };
  return { images, pass: hasBfloat16Tiles() ? { ...pass, products: precision } : pass };
}

/** What the user should know about a precision on a device, if anything. */
export const precisionNote = (precision: Precision, device: string): string | undefined =>
  precision === 'bfloat16' && device === 'cpu' && !hasBfloat16Tiles()
    ? 'this processor has no tiles for bfloat16 (AMX): it computes in float32'
    : undefined;
