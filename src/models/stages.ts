/**
 * @file The stages of a network, in the order of its nodes, and which of them are its encoder: what is trained more slowly, or not at all, where weights are
 * given.
 */
import type { NetworkGraph } from './graph.ts';

/** Stages behind the encoder: heads, and of a U-Net the way up. */
const HEAD = /^(aspp|head|decoder|classifier|largeFov|stemOut|up\d+)$/;

/** The stages that have weights, in order. */
export function stagesOf({ nodes }: NetworkGraph): string[] {
  const withWeights = nodes.filter(({ kind }) => kind === 'convolution' || kind === 'norm');
  return [...new Set(withWeights.map(({ stage }) => stage))];
}

/** The stages of the encoder, in order: those before the head, of a U-Net the way down. */
export const encoderStages = (graph: NetworkGraph): string[] => stagesOf(graph).filter((stage) => !HEAD.test(stage));

/** The stage of a tensor of the network, by the path of its name. */
export function stageOfTensor({ nodes }: NetworkGraph): (name: string) => string {
  const stages = new Map(nodes.map(({ name, stage }) => [name, stage]));
  return (name) => {
    const stage = stages.get(name.slice(0, name.lastIndexOf('.')));
    if (stage === undefined) throw new RangeError(`no node has the tensor ${name}`);
    return stage;
  };
}
