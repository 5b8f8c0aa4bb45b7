/**
 * @file Every parser of files from strangers: a row has valid files to start from, and the parser as the product calls it. A new parser is one
 * more row. What a parser throws must be one of the product's errors and name the file.
 *
 * `covers` are the files of `src` that the row stands for: `limits.test.ts` finds the files that read or parse and are in no row. `kind` says which
 * hostile inputs fit (`hostile.mjs`). Where there is a `file`, inputs are put there; `text` gets the text of a file as the product reads it.
 *
 * `mend` makes a damaged file pass the checks that would keep every damage at the door: checksums, lengths.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { constants, gunzipSync, gzipSync, inflateRawSync } from 'node:zlib';
import { encode as encodeBrush } from '@thi.ng/rle-pack';
import sharp from 'sharp';
import { parseCsv } from '../../dist/base/csv.js';
import { createRandom } from '../../dist/base/random.js';
import { MAX_CHANNELS } from '../../dist/data/channels/format.js';
import { readStoredChannels } from '../../dist/data/channels/header.js';
import { normaliseSamples } from '../../dist/data/channels/normalise.js';
import { decodeChannels } from '../../dist/data/channels/read.js';
import { createChannelStatistics, normalisationOf } from '../../dist/data/channels/statistics.js';
import { stackSlices } from '../../dist/data/dicom/series.js';
import { parseDicomSlice } from '../../dist/data/dicom/slice.js';
import { decodeImage } from '../../dist/data/images/image.js';
import { readLabelIds } from '../../dist/data/images/labelIds.js';
import { decodeLabels } from '../../dist/data/images/labels.js';
import { encodePng } from '../../dist/data/images/png.js';
import { parseCoco } from '../../dist/data/layouts/annotations/coco.js';
import { parseCvat } from '../../dist/data/layouts/annotations/cvat.js';
import { parseLabelme } from '../../dist/data/layouts/annotations/labelme.js';
import { parseLabelStudio } from '../../dist/data/layouts/annotations/labelStudio.js';
import { parseYolo } from '../../dist/data/layouts/annotations/yolo.js';
import { loadDatasetJson } from '../../dist/data/layouts/datasetJson.js';
import { parseDescription } from '../../dist/data/layouts/description.js';
import { parseClassTable, parseLabelMap } from '../../dist/data/layouts/names.js';
import { createNiftiHeader, encodeNifti } from '../../dist/data/nifti/encode.js';
import { niftiRawLabels } from '../../dist/data/nifti/labels.js';
import { readNifti } from '../../dist/data/nifti/read.js';
import { niftiVolume } from '../../dist/data/nifti/volume.js';
import { drawLabels } from '../../dist/data/outlines/draw.js';
import { framesOf, parseSampleVolume } from '../../dist/data/sampleVolume.js';
import { decodeArchitecture, parseArchitectureParameters } from '../../dist/decode/parameters.js';
import { encodeModel } from '../../dist/export/onnx/proto.js';
import { openSafetensors } from '../../dist/jobs/weights/safetensorsFile.js';
import { fitsAny, mappedName, parseWeightMap } from '../../dist/jobs/weights/weightMap.js';
import { formatMetadata } from '../../dist/portable/metadata.js';
import { readModelMetadata } from '../../dist/portable/modelFile.js';
import { parseState } from '../../dist/run/checkpoint.js';
import { formatConfig, parseConfig, parseConfigText } from '../../dist/run/config/config.js';
import { settings } from '../../dist/run/config/presets.js';
import { describeEvaluation, parseEvaluation } from '../../dist/run/evaluations.js';
import { createRunFolder } from '../../dist/run/folder.js';
import { parsePeers } from '../../dist/run/peers.js';
import { loadReportData } from '../../dist/run/report/data.js';
import { frontSection } from '../../dist/run/report/front.js';
import { formatReport } from '../../dist/run/report/report.js';
import { readSafetensors, writeSafetensors } from '../../dist/run/safetensors.js';
import { formatGenotype, parseGenotype, randomGenotype } from '../../dist/space/genotype.js';
import { parseJson } from '../../dist/space/genotypeFields.js';
import { publishedGenotype } from '../../dist/space/published.js';
import { encodeBandTiff } from '../helpers/bandTiff.mjs';
import { slice } from '../helpers/dicom.mjs';
import { crc32 } from './crc32.mjs';
import { disk, FOLDER_PARSERS } from './folderParsers.mjs';

/** The name that errors must hold. */
export const FILE = 'stranger.file';

/** A run whose event log is replaced by each input, so that it is read from the disk and shown in a report. */
const run = createRunFolder(disk, 'search', 'run');

const text = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));
const pixels = (length) => Uint8Array.from({ length }, (_, i) => (i * 37) & 255);

const pngSeeds = () => [
  encodePng({ width: 5, height: 4, channels: 3, data: pixels(60) }),
  encodePng({ width: 7, height: 3, channels: 1, data: pixels(21) }),
  encodePng({ width: 4, height: 4, channels: 1, data: pixels(16).map((value) => value & 1) }, [
    [0, 0, 0],
    [255, 0, 0],
  ]),
];

/** Right checksums on what still looks like chunks. */
function mendPng(bytes) {
  const copy = Buffer.from(bytes);
  for (let at = 8; at + 12 <= copy.length; ) {
    const length = copy.readUInt32BE(at);
    if (length > copy.length - at - 12) break;
    copy.writeUInt32BE(crc32(copy.subarray(at + 4, at + 8 + length)), at + 8 + length);
    at += 12 + length;
  }
  return copy;
}

/** Baseline, progressive and grey, 16 pixels wide. */
async function jpegSeeds() {
  const raw = { width: 16, height: 12, channels: 3 };
  const picture = () => sharp(pixels(16 * 12 * 3), { raw });
  return [
    await picture().jpeg({ quality: 70 }).toBuffer(),
    await picture()
      .jpeg({ quality: 70, progressive: true })
      .withExif({ IFD0: { Orientation: '6' } })
      .toBuffer(),
    await picture().greyscale().jpeg().toBuffer(),
  ];
}

/** Grey of 8 and 16 bits, RGB with a tag of orientation, and floating point, 8 pixels wide. */
async function tiffSeeds() {
  const raw = { width: 8, height: 6, channels: 1 };
  const grey = () => sharp(pixels(48), { raw }).toColourspace('b-w');
  return [
    await grey().tiff({ compression: 'none' }).toBuffer(),
    await grey().tiff({ compression: 'deflate' }).toBuffer(),
    await sharp(
      Uint16Array.from(pixels(48), (value) => value * 200),
      { raw },
    )
      .toColourspace('grey16')
      .tiff({ compression: 'lzw' })
      .toBuffer(),
    await sharp(pixels(144), { raw: { ...raw, channels: 3 } })
      .withMetadata({ orientation: 6 })
      .tiff({ compression: 'none' })
      .toBuffer(),
  ];
}

/** TIFF of many channels, in strips and tiles, pixels and planes, of both byte orders. */
const channelSeeds = () => {
  const size = { width: 8, height: 6 };
  const shorts = (length) => Uint16Array.from(pixels(length), (value) => value * 200);
  return [
    encodeBandTiff({ ...size, channels: 4, data: shorts(192), photometric: 2, compression: 'lzw' }),
    encodeBandTiff({
      ...size,
      channels: 6,
      data: Float32Array.from(pixels(288)),
      compression: 'deflate',
      order: 'big',
    }),
    encodeBandTiff({ ...size, channels: 5, data: pixels(240), planes: true, blocks: { rows: 2 } }),
    encodeBandTiff({ ...size, channels: 4, data: shorts(192), blocks: { tile: 16 }, compression: 'lzw' }),
  ];
};

/** As a network that was trained on such an image reads it. */
async function parseChannels(bytes) {
  const { channels = 4, dtype = 'uint16' } = readStoredChannels(bytes) ?? {};
  const names = Array.from({ length: Math.min(channels, MAX_CHANNELS) }, (_, i) => `${i}`);
  const { data } = await decodeChannels(bytes, FILE, { names, dtype });
  const statistics = createChannelStatistics({ names, dtype });
  statistics.add(data);
  normaliseSamples(data, normalisationOf(statistics.result(), { dtype }));
}

/** Black and red. */
const gifSeed = () =>
  sharp(Uint8Array.from([...pixels(48)].flatMap((value) => [value & 128 ? 255 : 0, 0, 0])), {
    raw: { width: 8, height: 6, channels: 3 },
  })
    .gif()
    .toBuffer();

/** A data set of two classes that also names their colours. */
const labelFormat = {
  classes: [{ name: 'a' }, { name: 'b' }],
  labelMap: Array.from({ length: 256 }, (_, value) => value & 1),
  colourIds: { '0,0,0': 0, '255,0,0': 1 },
};
const parseLabels = async (bytes) => readLabelIds(await decodeLabels(bytes, FILE), labelFormat, FILE);

/** Annotations of an image of 8 x 6 pixels by every tool, with every kind of shape. */
function annotationSeeds() {
  const ring = [1, 1, 6.5, 1, 4, 5.25];
  const pairs = [0, 1, 2].map((i) => [ring[2 * i], ring[2 * i + 1]]);
  const png = Buffer.from(encodePng({ width: 4, height: 3, channels: 1, data: pixels(12) })).toString('base64');
  const region = (type, value) => ({
    ...{ id: type, type, original_width: 8, original_height: 6, image_rotation: 0 },
    value: { ...value, [type]: ['disc'] },
  });
  const yolo = (words, file) => {
    const { polygons } = parseYolo(words, file);
    return {
      shares: true,
      top: 'smaller',
      images: [{ shapes: polygons.map((one) => ({ kind: 'polygons', rings: [one.ring] })) }],
    };
  };
  return {
    COCO: {
      parse: parseCoco,
      seeds: [
        {
          images: [{ id: 1, file_name: 'a.png', width: 8, height: 6 }],
          categories: [{ id: 3, name: 'disc' }],
          annotations: [
            { image_id: 1, category_id: 3, iscrowd: 0, segmentation: [ring] },
            { image_id: 1, category_id: 3, iscrowd: 1, segmentation: { size: [6, 8], counts: [3, 40, 5] } },
            { image_id: 1, category_id: 3, iscrowd: 0, segmentation: { size: [6, 8], counts: '3X15' } },
          ],
        },
      ],
    },
    CVAT: {
      parse: parseCvat,
      seeds: [
        `<annotations><meta><task><labels><label><name>disc</name><color>#fa3253</color></label></labels></task></meta>
        <image id="0" name="a.png" width="8" height="6"><polygon label="disc" points="1,1;6,1;4,5" z_order="1"/>
        <box label="disc" xtl="1" ytl="1" xbr="4" ybr="5" rotation="20"/><ellipse label="disc" cx="4" cy="3" rx="2" ry="1"/>
        <mask label="disc" rle="1, 3, 2" left="1" top="2" width="3" height="2"/></image></annotations>`,
      ],
    },
    'Label Studio': {
      parse: parseLabelStudio,
      seeds: [
        [
          {
            data: { image: '/data/upload/a.png' },
            annotations: [
              {
                result: [
                  region('polygonlabels', { points: pairs }),
                  region('brushlabels', { format: 'rle', rle: [...encodeBrush(pixels(192), 192)] }),
                  region('rectanglelabels', { x: 10, y: 10, width: 50, height: 20, rotation: 30 }),
                  region('ellipselabels', { x: 50, y: 50, radiusX: 20, radiusY: 30, rotation: 0 }),
                ],
              },
            ],
          },
        ],
      ],
    },
    labelme: {
      parse: parseLabelme,
      seeds: [
        {
          ...{ imagePath: 'a.png', imageWidth: 8, imageHeight: 6 },
          shapes: [
            { label: 'disc', shape_type: 'polygon', points: pairs },
            {
              label: 'disc',
              shape_type: 'circle',
              points: [
                [3, 3],
                [4, 4],
              ],
            },
            {
              label: 'disc',
              shape_type: 'mask',
              points: [
                [1, 1],
                [5, 4],
              ],
              mask: png,
            },
          ],
        },
      ],
    },
    YOLO: { parse: yolo, seeds: ['0 0.1 0.1 0.9 0.1 0.5 0.9\n1 0.25 0.5 0.5 0.5 0.5 0.75 0.25 0.75\n'] },
  };
}

/** Draws what was read, as loading a sample does. */
function drawAnnotations({ images, top, shares = false }) {
  for (const { size, shapes } of images) {
    const values = shapes.map((shape) => ({ ...shape, value: 1 }));
    drawLabels(
      { ...(size ? { size } : {}), top, shares, background: 0, shapes: values },
      { width: 8, height: 6 },
      FILE,
    );
  }
}

const tensor = (dtype, shape, bytes) => ({ dtype, shape, data: pixels(bytes) });
const safetensorsSeeds = () => [
  writeSafetensors({ a: tensor('float32', [2, 3], 24), b: tensor('uint8', [5], 5) }, { origin: 'here' }),
  writeSafetensors({ w: tensor('float64', [1], 8), empty: tensor('int64', [0, 4], 0) }),
];

/** A header length that fits the header, which ends before the data do. */
function mendSafetensors(bytes) {
  const copy = Buffer.from(bytes);
  const end = copy.lastIndexOf('}') + 1;
  if (copy.length >= 8 && end > 8) copy.writeBigUInt64LE(BigInt(Math.ceil(end / 8) * 8 - 8), 0);
  return copy;
}

/** Compressed volumes: two kinds of samples, scaled and not. */
function niftiSeeds() {
  const affine = [
    [-2, 0, 0, 10],
    [0, 3, 0, -20],
    [0, 0, 1.5, 30],
    [0, 0, 0, 1],
  ];
  const make = (shape, type, samples) => encodeNifti(createNiftiHeader({ shape, affine, type }), samples);
  return [
    make([4, 3, 2], 'int16', new Int16Array(24).fill(7)),
    make([3, 2, 2], 'uint8', new Uint8Array(12).fill(1)),
    make(
      [2, 2, 2, 2],
      'float32',
      Float32Array.from({ length: 16 }, (_, i) => i / 3),
    ),
  ];
}

/** A volume as a run keeps it, unpacked. */
function sampleVolumeSeed() {
  const [image, label, prediction] = [9, 1, 2].map((value) => new Uint8Array(12).fill(value));
  const { samples, ...grid } = framesOf({ shape: [2, 2, 3], spacingMm: [1, 2, 3], image, label, prediction });
  return gunzipSync(encodeNifti(createNiftiHeader(grid), samples));
}

/** Reads a volume as the product does, with less memory than a damaged header may ask for. */
async function parseNifti(file) {
  const image = await readNifti(file, { limitBytes: 64 * 2 ** 20 });
  if (niftiVolume(image, file).channels === 1) niftiRawLabels(image, file);
}

/** Whatever of the damaged stream can be inflated, compressed again: the damage is in the content. */
function mendGzip(bytes) {
  try {
    return gzipSync(
      inflateRawSync(bytes.subarray(10), { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: 2 ** 20 }),
    );
  } catch {
    return bytes;
  }
}

const preparation = {
  spacingMm: [1, 2, 2],
  normalisation: [{ kind: 'zscore', percentiles: [1, 99] }],
  cropForeground: true,
};
/** Model files with every entry of metadata, and with those of pictures. */
const onnxSeeds = () =>
  [
    { size: 'dynamic', preparation, sideMultiple: 8 },
    { size: [33, 41] },
    { size: [33, 41], regions: [{ name: 'up', colour: [7, 8, 9], classes: [0, 1], written: 1 }] },
  ].map((more, i) =>
    Buffer.from(
      encodeModel({
        irVersion: 8,
        opset: 17,
        producerVersion: '1.2.3',
        name: 'network',
        nodes: [{ operator: 'Identity', name: 'same', inputs: ['image'], outputs: ['scores'], attributes: {} }],
        tensors: [{ name: 'w', dtype: 'float32', shape: [2], data: pixels(8) }],
        inputs: [{ name: 'image', dtype: 'float32', shape: ['batch', 3, 'height', 'width'] }],
        outputs: [{ name: 'scores', dtype: 'float32', shape: ['batch', 2, 'height', 'width'] }],
        metadata: formatMetadata({
          classes: [
            { name: 'road', colour: [1, 2, 3] },
            { name: 'sky', colour: [4, 5, 6] },
          ],
          preprocessing: { layout: 'channelsFirst', dtype: 'float32', channels: 3, divisor: 127.5, offset: 1 },
          result: i === 0 ? 'logits' : 'argmax',
          precision: 'float32',
          version: '1.2.3',
          architecture: '{"network":"unet"}',
          ...more,
        }),
      }),
    ),
  );

/** Lists by the Decathlon and by nnU-Net. */
const datasetSeeds = [
  {
    name: 'Hippocampus',
    modality: { 0: 'MRI' },
    labels: { 0: 'background', 1: 'Anterior', 2: 'Posterior' },
    numTraining: 2,
    training: [{ image: './imagesTr/a.nii.gz', label: './labelsTr/a.nii.gz' }, 'imagesTr/b.nii.gz'],
  },
  { channel_names: { 0: 'CT' }, labels: { background: 0, liver: 1, ignore: 2 }, file_ending: '.nii.gz' },
  { channel_names: { 0: 'T1', 1: 'T2' }, labels: { background: 0, left: 1002, ball: [3], ignore: [-1, 'NaN', 70] } },
  {
    channel_names: { 0: 'FLAIR' },
    labels: { background: 0, whole: [1, 2, 4], core: [2, 4], enhancing: 4, ignore: 9 },
    regions_class_order: [1, 2, 4],
    file_ending: '.nii.gz',
  },
];

const evaluationSeeds = [
  {
    ...{ time: '2026-01-02T03:04:05.000Z', data: '/data/other', dataset: 'other', split: 'val', samples: 3 },
    ...{ trainedOn: false, checkpoint: 'best', scales: [0.75, 1], mirror: ['width'], window: [32, 32], overlap: 0.5 },
    ...{ toleranceMm: 1, version: '1.0.0', scores: { miou: 0.5, pixelAccuracy: 0.75, meanAccuracy: null, dice: 1 } },
  },
];

const peersSeed = {
  ...{ of: 'compare/first', conditions: 'scenes, 10steps', score: 'mIoU', bounds: 'none', own: 'unet' },
  networks: [
    { name: 'unet', trainings: 2, score: 0.5, bounds: [0.4, 0.6], multiplyAdds: 1e9, parameters: 1e6, latencyMs: 3 },
    { name: 'random:1', trainings: 1, score: 0.4, multiplyAdds: 2e9, memoryBytes: 1e8 },
  ],
};

const events = [
  { type: 'start', command: 'espalier search', config: { seed: 0, epochs: 2 }, versions: { node: '20' } },
  { type: 'step', phase: 'search', epoch: 0, step: 1, loss: 1.5, learningRate: 0.1 },
  { type: 'epoch', phase: 'search', epoch: 0, metrics: { weightLoss: 1.5, miou: null } },
  {
    type: 'architecture',
    epoch: 0,
    alpha: [[0.1]],
    beta: [[[null]]],
    entropies: { operators: 1 },
    path: [0, 1],
    genotype: {},
  },
  {
    type: 'evaluation',
    epoch: 0,
    split: 'val',
    miou: 0.5,
    pixelAccuracy: 0.6,
    meanAccuracy: 0.5,
    iou: [0.5, null],
    classNames: ['a', 'b'],
  },
  { type: 'warning', message: 'careful' },
  { type: 'checkpoint', path: 'checkpoints/last', epoch: 1 },
  { type: 'end', status: 'done', message: 'found' },
].map((event, seq) => `${JSON.stringify({ seq, time: '2025-01-02T03:04:05.000Z', ...event })}\n`);

const alpha = Array.from({ length: 5 }, (_, i) => Array.from({ length: 8 }, (_, k) => Math.sin(i * 8 + k)));
const beta = [
  [
    [null, 0.5, 1],
    [null, null, null],
    [null, null, null],
    [null, null, null],
  ],
  [
    [null, 0.1, 0.2],
    [0.3, 0.4, 0.5],
    [null, null, null],
    [null, null, null],
  ],
];
const dints = {
  format: 'espalier-genotype',
  version: 1,
  method: 'dints',
  rank: 3,
  layers: 2,
  levels: 2,
  filters: 16,
  topology: [[{ from: 0, to: 0, operator: 'skip' }], [{ from: 0, to: 1, operator: 'p3d331' }]],
};

const OWN = {
  png: {
    seeds: pngSeeds(),
    mend: mendPng,
    kind: 'png',
    covers: ['data/images/png.ts', 'data/images/image.ts'],
    parse: (bytes) => decodeImage(bytes, FILE),
  },
  jpeg: {
    seeds: await jpegSeeds(),
    kind: 'jpeg',
    covers: ['data/images/decoder.ts'],
    parse: (bytes) => decodeImage(bytes, FILE),
  },
  tiff: { seeds: await tiffSeeds(), kind: 'tiff', parse: (bytes) => decodeImage(bytes, FILE) },
  'TIFF of channels': { seeds: channelSeeds(), kind: 'channels', parse: parseChannels },
  labels: {
    seeds: [...pngSeeds().slice(1), ...(await tiffSeeds()).slice(0, 2), await gifSeed()],
    mend: mendPng,
    parse: parseLabels,
  },
  ...Object.fromEntries(
    Object.entries(annotationSeeds()).map(([tool, { seeds, parse }]) => [
      `annotations of ${tool}`,
      {
        seeds: seeds.map(text),
        kind: tool === 'CVAT' || tool === 'YOLO' ? 'lines' : 'json',
        // Of a length that grows with the data set: half a gigabyte is usual.
        proportional: true,
        covers: ['parse', 'located', 'yoloFolder', 'find'].map((name) => `data/layouts/annotations/${name}.ts`),
        text: (text) => drawAnnotations(parse(text, FILE)),
      },
    ]),
  ),
  'class names': {
    seeds: [
      '# label:color_rgb:parts:actions\nbackground:0,0,0::\ndisc:250,50,83::\n',
      'Pixel Value, Class\n0, ground\n1, disc\n',
    ].map(text),
    kind: 'lines',
    covers: ['data/layouts/names.ts', 'base/textFile.ts'],
    text: (text) => (text.startsWith('#') || text.includes(':') ? parseLabelMap : parseClassTable)(text, FILE),
  },
  genotype: {
    seeds: [
      formatGenotype(publishedGenotype(20)),
      formatGenotype(randomGenotype({ layers: 3, blocks: 2, filters: 4 }, createRandom(1))),
      dints,
    ].map(text),
    kind: 'json',
    covers: ['space/genotype.ts', 'space/genotypeFields.ts', 'base/json.ts'],
    text: (text) => parseGenotype(text, FILE),
  },
  'architecture parameters': {
    seeds: [text({ method: 'auto-deeplab', alpha, beta })],
    kind: 'json',
    covers: ['jobs/decode.ts'],
    text: (text) => {
      const logits = parseArchitectureParameters(parseJson(text, FILE), FILE);
      formatGenotype(decodeArchitecture(logits, { filters: 8, atrous: 'dense', rank: 2 }));
    },
  },
  'config YAML': {
    seeds: ['demo', 'small'].map((preset) =>
      text(formatConfig(parseConfig(settings.search, [{ data: 'scenes', preset }]))),
    ),
    kind: 'yaml',
    text: (text) => {
      const layer = parseConfigText(text, FILE);
      parseConfig(settings.search, [layer]);
    },
    // A value is named by its key: which of the layers it came from is not known where it is checked.
    names: /stranger\.file|setting|expected/,
  },
  'data.yaml': {
    seeds: [
      'classes: [road, sky, car]\ncolours:\n  sky: [1, 2, 3]\nignore: 255\nvalShare: 0.25\n',
      'name: street\npath: .\nclasses:\n  0: road\n  3: sky\ntrain: images/train\nval: {images: images/val, masks: labels/val}\n',
      'classes: [out, a, b]\nregions: {whole: [a, b], core: 2}\nregions_class_order: [a, b]\n',
    ].map(text),
    kind: 'yaml',
    text: (text) => parseDescription(text, FILE),
  },
  'checkpoint state': {
    seeds: [
      text({
        version: 1,
        sha256: 'ab',
        state: { progress: { epoch: 1, step: 2 }, steps: { weights: 1, architecture: 2 } },
      }),
      text({ version: 1, sha256: 'ab', state: null }),
    ],
    kind: 'json',
    text: (text) => parseState(text, FILE),
  },
  safetensors: {
    seeds: safetensorsSeeds(),
    mend: mendSafetensors,
    kind: 'safetensors',
    covers: ['run/safetensors.ts'],
    parse: (bytes) => readSafetensors(bytes, FILE),
  },
  'safetensors of others': {
    seeds: safetensorsSeeds(),
    mend: mendSafetensors,
    file: join(disk, 'stranger.safetensors'),
    kind: 'safetensors',
    covers: ['jobs/weights/safetensorsFile.ts'],
    parse: () => {
      const opened = openSafetensors(join(disk, 'stranger.safetensors'));
      try {
        for (const name of opened.places.keys()) opened.read(name);
      } finally {
        opened.close();
      }
    },
  },
  'map of weights': {
    seeds: [
      'modules:\n  conv1: stem.0.convolution\n  layer{s}.{b}.conv1: stage{s}.block{b+1}.narrow\ntensors: {running_mean: runningMean}\n',
      'modules: {head: classifier.logits}\nunused: ["*.counter", fc.*]\nfresh: ["*"]\nclasses: [a, b]\ncolours: {mean: [0.5], deviation: [0.25]}\n',
    ].map(text),
    kind: 'yaml',
    covers: ['jobs/weights/weightMap.ts'],
    text: (text) => {
      const map = parseWeightMap(text, FILE);
      for (const name of ['conv1.weight', 'layer1.0.conv1.running_mean', 'head.bias', '.', '']) {
        mappedName(map, name);
        fitsAny([...map.unused, ...map.fresh], name);
      }
    },
  },
  'event log': {
    seeds: [text(events.join('')), text(events.slice(0, 3).join(''))],
    file: run.events,
    kind: 'log',
    parse: () => formatReport(loadReportData(run)),
  },
  nifti: {
    seeds: niftiSeeds().map((bytes) => gunzipSync(bytes)),
    file: join(disk, 'stranger.nii'),
    kind: 'nifti',
    covers: ['data/nifti/bytes.ts'],
    parse: () => parseNifti(join(disk, 'stranger.nii')),
  },
  gz: {
    seeds: niftiSeeds(),
    mend: mendGzip,
    file: join(disk, 'stranger.nii.gz'),
    kind: 'gz',
    parse: () => parseNifti(join(disk, 'stranger.nii.gz')),
  },
  'sample volume': { seeds: [sampleVolumeSeed()], kind: 'nifti', parse: (bytes) => parseSampleVolume(bytes, FILE) },
  dicom: {
    seeds: ['1.2.840.10008.1.2', '1.2.840.10008.1.2.1', '1.2.840.10008.1.2.2'].flatMap((syntax) => {
      const whole = slice(7, [0, 1, 2, -1, -2048, 2047], syntax);
      // Without the preamble, and without the head behind it as well.
      return [whole, whole.subarray(132), whole.subarray(144 + whole.readUInt32LE(140))];
    }),
    kind: 'dicom',
    parse: (bytes) => stackSlices([parseDicomSlice(bytes, FILE)], FILE),
  },
  'dataset.json': {
    seeds: datasetSeeds.map(text),
    file: join(disk, 'dataset.json'),
    kind: 'json',
    parse: () => loadDatasetJson(disk),
  },
  'evaluation.json': {
    seeds: evaluationSeeds.map(text),
    kind: 'json',
    covers: ['run/evaluations.ts'],
    text: (text) => describeEvaluation(parseEvaluation(text, FILE)),
  },
  'peers.json': {
    seeds: [peersSeed].map(text),
    kind: 'json',
    covers: ['run/peers.ts'],
    text: (text) => frontSection(parsePeers(text, FILE)),
  },
  'onnx metadata': {
    seeds: onnxSeeds(),
    kind: 'onnx',
    covers: ['portable/modelFile.ts', 'portable/metadata.ts'],
    parse: (bytes) => readModelMetadata(bytes, FILE),
  },
  csv: {
    seeds: [text('epoch,loss,"a ""b"""\n0,1.5,x\n1,,y\n')],
    kind: 'lines',
    text: (text) => parseCsv(text, FILE),
  },
};

/** Rows by name; `parse` gets the bytes, which are at `file` where there is one. What it returns does not matter. */
export const PARSERS = Object.fromEntries(
  Object.entries({ ...OWN, ...FOLDER_PARSERS }).map(([name, { text, parse, file, ...row }]) => {
    // What reads folders gets fewer inputs at random.
    const share = Object.hasOwn(FOLDER_PARSERS, name) ? 0.2 : 1;
    const whole = text ? (bytes) => text(bytes.toString('utf8')) : parse;
    const placed = async (bytes) => {
      if (file !== undefined) writeFileSync(file, bytes);
      await whole(bytes);
    };
    // What lies at its place is read from there: nothing else holds the bytes.
    return [name, { ...row, share, text, file, parse: placed, read: file === undefined ? undefined : () => whole() }];
  }),
);
