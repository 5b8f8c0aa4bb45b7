/**
 * @file A server that segments the images it is sent, with an exported model (no libtorch needed) or with a run.
 * node examples/serve.mjs <model.onnx|run> [port]
 * curl --data-binary @street.jpg http://127.0.0.1:8080/                               PNG: the classes over the image
 * curl --data-binary @street.jpg -H 'Accept: application/json' http://127.0.0.1:8080/   the share of each class
 */
import { createServer } from 'node:http';
import { decodeImage, encodePng, openModel, openNetwork, overlayLabels, segment } from 'espalier';

/** Images above this many bytes are refused. */
const LIMIT_BYTES = 32 * 2 ** 20;

/** What segments images: its classes, and a function from an image to the class of every pixel. */
async function openSegmenter(source) {
  if (source.endsWith('.onnx')) {
    const model = await openModel(source);
    return { classes: model.metadata.classes, segment: (image) => model.segment(image) };
  }
  const network = openNetwork(source);
  return { classes: network.classes, segment: (image) => segment(network, image) };
}

async function readBody(request) {
  const parts = [];
  let length = 0;
  for await (const part of request) {
    length += part.length;
    if (length > LIMIT_BYTES) throw new RangeError(`more than ${LIMIT_BYTES} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts);
}

/** Serves on 127.0.0.1 and says where; port 0 takes a free one. */
export async function serve(source, port = 0) {
  const { classes, segment } = await openSegmenter(source);
  const answer = async (request, response) => {
    if (request.method !== 'POST') return response.writeHead(405, { Allow: 'POST' }).end('send an image by POST\n');
    const image = await decodeImage(await readBody(request), 'the image');
    const { width, height, ids } = await segment(image);
    if (request.headers.accept === 'application/json') {
      const counts = classes.map(() => 0);
      for (const id of ids) counts[id]++;
      const shares = classes.map(({ name }, id) => ({ name, share: counts[id] / ids.length }));
      response.writeHead(200, { 'Content-Type': 'application/json' });
      return response.end(JSON.stringify({ width, height, classes: shares }));
    }
    const data = overlayLabels(image.data, ids, classes, 0.5);
    response.writeHead(200, { 'Content-Type': 'image/png' });
    return response.end(encodePng({ width, height, channels: 3, data }));
  };
  const server = createServer((request, response) => {
    // What cannot be decoded is the fault of who sent it; the server continues.
    answer(request, response).catch((error) => response.writeHead(400).end(`${error.message}\n`));
  });
  await new Promise((resolve) => server.listen(port, '127.0.0.1', resolve));
  return { server, url: `http://127.0.0.1:${server.address().port}/` };
}

if (import.meta.filename === process.argv[1]) {
  const [source, port = '8080'] = process.argv.slice(2);
  const { url } = await serve(source, Number(port));
  console.log(url);
}
