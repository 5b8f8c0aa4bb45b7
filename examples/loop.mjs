/**
 * @file The loop in one's own program: search on a folder, train what was found, segment an image.
 * node examples/loop.mjs <folder> <image>
 */
import { openNetwork, search, segment, train } from 'espalier';

/** Settings are those of the command line (`espalier search --help`); `small` is half an hour each on two cores. */
export async function loop(data, settings = { search: { preset: 'small' }, train: { preset: 'small' } }) {
  const watcher = { progress: () => undefined, line: console.log };
  const found = await search({ data, ...settings.search }, { watcher });
  const trained = await train({ data, arch: found.run, ...settings.train }, { watcher });
  console.log(`mIoU ${trained.scores.miou.toFixed(3)}, report ${trained.report}`);
  return trained.run;
}

if (import.meta.filename === process.argv[1]) {
  const [folder, image] = process.argv.slice(2);
  const network = openNetwork(await loop(folder));
  const { ids } = await segment(network, image);
  const shares = network.classes.map(({ name }, id) => [name, ids.filter((value) => value === id).length / ids.length]);
  console.table(shares.filter(([, share]) => share > 0));
}
