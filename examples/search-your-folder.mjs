/**
 * @file From a folder of labelled images to a model that runs anywhere: what is in it, the search, the training, the ONNX file.
 * node examples/search-your-folder.mjs <folder>
 */
import { exportNetwork, openDataSet, search, train } from 'espalier';

/** Settings are those of the command line; `small` is half an hour each on two cores. */
export async function searchFolder(data, settings = { search: { preset: 'small' }, train: { preset: 'small' } }) {
  const { layout, classes, splits } = await openDataSet(data);
  console.log(`${layout}: ${splits.train.length} images to train on, ${splits.val.length} to judge by`);
  console.log(`classes: ${classes.map(({ name }) => name).join(', ')}`);

  const found = await search({ data, ...settings.search });
  console.log(`found in ${found.run}: path ${found.genotype.path.join(' ')}`);

  const trained = await train({ data, arch: found.run, ...settings.train });
  console.log(`mIoU ${trained.scores.miou.toFixed(3)}, report ${trained.report}`);

  const { file, parity } = await exportNetwork({ run: trained.run });
  console.log(`${file}: logits differ from the engine's by at most ${parity.largestDifference.toExponential(1)}`);
  return file;
}

if (import.meta.filename === process.argv[1]) await searchFolder(process.argv[2]);
