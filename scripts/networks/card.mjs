/**
 * @file The card of a network of the package: what it is for, on what it was trained, how well it does, and its licence.
 */

const percent = (share) => (100 * share).toFixed(2);

/**
 * @param facts what `networks/<name>.json` holds
 * @param about title, classes and limits in words
 * @param classes names and colours
 */
export function cardOf(facts, about, classes) {
  const { name, summary, sha256, bytes, parameters, license, data, score, command, version } = facts;
  return `# ${about.title}

\`${name}.onnx\` segments ${summary}. Classes: ${about.classes}. ${parameters.toLocaleString('en')} parameters, ${(bytes / 1024).toFixed(0)} KiB; weights are stored in 16 bits and computed with in 32. Images of any size go in as bytes \`[batch, height, width, 3]\`, the class of every pixel comes out as bytes \`[batch, height, width]\`.

\`\`\`
espalier predict ${name} image.png
\`\`\`

\`\`\`js
import { openModel } from 'espalier';

const { ids } = await (await openModel('${name}')).segment({ width, height, data }); // RGB or RGBA bytes
\`\`\`

| | |
|---|---|
| data | ${data.name} |
| source | ${data.source} |
| licence of the data | ${data.license} |
| training samples | ${data.training} |
| licence of the weights | ${license} |
| trained by | \`${command}\` (espalier ${version}, settings in [${name}.yaml](${name}.yaml)) |
| SHA-256 | \`${sha256}\` |

## Score

Of this file, by onnxruntime, over all pixels of the ${score.samples} samples of the split \`${score.split}\`, which chose nothing in the training:

| class | IoU % |
|---|--:|
${classes.map((one) => `| ${one.name} | ${percent(score.iou[one.name])} |`).join('\n')}
| mean | ${percent(score.miou)} |

Pixel accuracy ${percent(score.pixelAccuracy)} %.

## Limits

${about.limits}
`;
}
