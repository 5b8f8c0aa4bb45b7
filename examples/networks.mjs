/**
 * @file Architectures as values: count the published network, draw it, build it, and take one gradient.
 * node examples/networks.mjs
 */
import { writeFileSync } from 'node:fs';
import { buildNetwork, countNetwork, drawGenotype, Generator, gradients, ops, readArchitecture, scope } from 'espalier';

const genotype = readArchitecture('auto-deeplab-s');
writeFileSync(process.argv[2] ?? 'auto-deeplab-s.svg', drawGenotype(genotype));

const network = buildNetwork(genotype, { classes: 19, seed: 0 });
const { parameters, multiplyAdds } = countNetwork(network.graph, [1025, 2049]);
console.log(`${parameters} parameters, ${(multiplyAdds / 1e9).toFixed(1)} G multiply-adds at 1025 x 2049`);

// Everything made inside a scope is freed at its end, except what it returns.
const norm = scope(() => {
  const image = ops.randn([1, 3, 65, 129], new Generator(1).id);
  const logits = network.forward(image, { training: true });
  const [gradient] = gradients([ops.mean(logits)], [network.parameters.parameters()[0].tensor]);
  console.log(`logits [${logits.shape.join(', ')}]`);
  return Math.hypot(...gradient.numbers());
});
console.log(`norm of the gradient of the first convolution: ${norm.toExponential(2)}`);
