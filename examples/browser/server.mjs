/**
 * @file Serves the page with a model of yours; a page of one's own needs no server but any bundler (`npm install espalier onnxruntime-web`).
 * node examples/browser/server.mjs <model.onnx>|nuclei|scenes [port]
 */
import { createReadStream, existsSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { dirname, extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

const packageFolder = (name, up) => join(dirname(fileURLToPath(import.meta.resolve(name))), up);
const FOLDERS = {
  '/packages/espalier/': packageFolder('espalier/browser', '..'),
  '/packages/onnxruntime-web/': packageFolder('onnxruntime-web/webgpu', '.'),
  '/packages/pbf/': packageFolder('pbf', '.'),
  '/': import.meta.dirname,
};
const TYPES = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.wasm': 'application/wasm',
};

/** Serves the page on 127.0.0.1 and says where; port 0 takes a free one. */
export function servePage(model, port = 0) {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url, 'http://localhost');
    const prefix = Object.keys(FOLDERS).find((start) => pathname.startsWith(start));
    const rest = normalize(`/${pathname.slice(prefix.length) || 'index.html'}`);
    const facts = model.replace(/\.onnx$/, '.json');
    // What is known of the model, such as its hash, lies beside it where it is one of the package.
    if (pathname === '/model.json' && !existsSync(facts)) return response.writeHead(200).end('{}');
    const ofModel = { '/model.onnx': model, '/model.json': facts }[pathname];
    const file = ofModel ?? join(FOLDERS[prefix], rest);
    if (!statSync(file, { throwIfNoEntry: false })?.isFile()) return response.writeHead(404).end();
    response.writeHead(200, {
      'Content-Type': TYPES[extname(file)] ?? 'application/octet-stream',
      // With these a page may use several threads.
      'Cross-Origin-Opener-Policy': 'same-origin',
      'Cross-Origin-Embedder-Policy': 'require-corp',
    });
    createReadStream(file).pipe(response);
  });
  return new Promise((resolve) => {
    server.listen(port, '127.0.0.1', () => resolve({ server, url: `http://127.0.0.1:${server.address().port}/` }));
  });
}

/** A model of yours, or one that comes with the package, by its name. */
export const modelFile = (model) =>
  model.endsWith('.onnx') ? model : fileURLToPath(import.meta.resolve(`espalier/networks/${model}.onnx`));

if (import.meta.filename === process.argv[1]) {
  const [model = 'nuclei', port = '8080'] = process.argv.slice(2);
  const { url } = await servePage(modelFile(model), Number(port));
  console.log(url);
}
