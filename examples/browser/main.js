/**
 * @file Drop an image, see its segmentation, switch classes on and off. The model is `/model.onnx`, as server.mjs serves it.
 */
import { loadSegmenter } from 'espalier/browser';

const find = (id) => document.getElementById(id);
const status = find('status');
const hidden = new Set();
let segmenter;
let segmentation;

function show() {
  if (!segmentation) return;
  const overlay = segmenter.draw(segmentation, { opacity: find('opacity').valueAsNumber, hidden });
  const canvas = find('image');
  [canvas.width, canvas.height] = [overlay.width, overlay.height];
  canvas.getContext('2d').putImageData(overlay, 0, 0);
}

async function segment(file) {
  status.textContent = `Segmenting ${file.name} …`;
  segmentation = await segmenter.segment(file);
  const { width, height, milliseconds } = segmentation;
  status.textContent = `${file.name}: ${width} x ${height}, ${milliseconds.toFixed(0)} ms (${segmenter.provider})`;
  show();
}

function listClasses() {
  for (const [id, { name, colour }] of segmenter.classes.entries()) {
    const label = document.createElement('label');
    const box = Object.assign(document.createElement('input'), { type: 'checkbox', checked: true });
    const swatch = document.createElement('i');
    swatch.style.background = `rgb(${colour})`;
    box.addEventListener('change', () => {
      if (box.checked) hidden.delete(id);
      else hidden.add(id);
      show();
    });
    label.append(box, ' ', swatch, ` ${name}`);
    const item = document.createElement('li');
    item.append(label);
    find('classes').append(item);
  }
}

/** Errors are for people, too. */
const attempt = (work) => work.catch((error) => (status.textContent = error.message));

const drop = find('drop');
for (const type of ['dragover', 'dragleave', 'drop']) {
  drop.addEventListener(type, (event) => {
    event.preventDefault();
    drop.classList.toggle('over', type === 'dragover');
    if (type === 'drop' && event.dataTransfer.files[0]) attempt(segment(event.dataTransfer.files[0]));
  });
}
find('file').addEventListener('change', ({ target }) => target.files[0] && attempt(segment(target.files[0])));
find('opacity').addEventListener('input', show);

await attempt(
  (async () => {
    // Of the networks of the package the hash is known.
    const { sha256 } = await (await fetch('/model.json')).json();
    segmenter = await loadSegmenter('/model.onnx', { sha256 });
    listClasses();
    status.textContent = `Ready (${segmenter.provider})`;
  })(),
);
