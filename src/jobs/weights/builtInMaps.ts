/**
 * @file Maps of the weights of others that are known by name, as if each were a file: `map=torchvision-resnet50`. Names are those of the state dicts of
 * torchvision (`torchvision.models`), which were read from its sources.
 */
import { ConfigError } from '../../base/errors.ts';
import { suggest } from '../../base/text.ts';
import type { WeightMap } from './weightMap.ts';

/** Names of the tensors of a batch norm in torch. */
const TORCH_TENSORS = { running_mean: 'runningMean', running_var: 'runningVariance' } as const;
/** How many batches a norm has seen: torch counts them, nothing here reads it. */
const COUNTERS = '*.num_batches_tracked';
/** What all weights of torchvision read, in colours from 0 to 1. */
const IMAGENET_COLOURS = { mean: [0.485, 0.456, 0.406], deviation: [0.229, 0.224, 0.225] } as const;

/** Stem and blocks of a bottleneck ResNet; stages count from 1 in both, blocks from 0 there and from 1 here. */
function resnetModules(prefix: string): Record<string, string> {
  const [from, to] = [`${prefix}layer{s}.{b}`, 'stage{s}.block{b+1}'];
  return {
    [`${prefix}conv1`]: 'stem.0.convolution',
    [`${prefix}bn1`]: 'stem.0.norm',
    [`${from}.conv1`]: `${to}.narrow.convolution`,
    [`${from}.bn1`]: `${to}.narrow.norm`,
    [`${from}.conv2`]: `${to}.see.convolution`,
    [`${from}.bn2`]: `${to}.see.norm`,
    [`${from}.conv3`]: `${to}.widen.convolution`,
    [`${from}.bn3`]: `${to}.widen.norm`,
    [`${from}.downsample.0`]: `${to}.shortcut.convolution`,
    [`${from}.downsample.1`]: `${to}.shortcut.norm`,
  };
}

const RESNET = {
  modules: resnetModules(''),
  tensors: TORCH_TENSORS,
  unused: ['fc.*', COUNTERS],
  fresh: ['aspp.*', 'decoder.*', 'classifier.*'],
  colours: IMAGENET_COLOURS,
} as const;

/** Convolution and norm of a branch of torchvision's ASPP. */
const branch = (from: string, to: string, first = 0) => ({
  [`classifier.0.${from}.${first}`]: `aspp.${to}.convolution`,
  [`classifier.0.${from}.${first + 1}`]: `aspp.${to}.norm`,
});

/** The classes of PASCAL VOC, which torchvision's segmentation networks know. */
const VOC_CLASSES = (
  'background aeroplane bicycle bird boat bottle bus car cat chair cow diningtable dog horse motorbike person pottedplant sheep sofa train ' +
  'tvmonitor'
).split(' ');

const DEEPLABV3 = {
  modules: {
    ...resnetModules('backbone.'),
    ...branch('convs.0', 'pointwise'),
    ...branch('convs.1', 'atrous0'),
    ...branch('convs.2', 'atrous1'),
    ...branch('convs.3', 'atrous2'),
    ...branch('convs.4', 'pooling', 1),
    ...branch('project', 'projection'),
    'classifier.1': 'decoder.0.convolution',
    'classifier.2': 'decoder.0.norm',
    'classifier.4': 'classifier.logits',
  },
  tensors: TORCH_TENSORS,
  unused: ['aux_classifier.*', COUNTERS],
  fresh: [],
  classes: VOC_CLASSES,
  colours: IMAGENET_COLOURS,
} as const;

/** Convolutions of the five stages of `torchvision.models.vgg16().features` by their index there. */
const VGG_STAGES = [
  [0, 2],
  [5, 7],
  [10, 12, 14],
  [17, 19, 21],
  [24, 26, 28],
] as const;

const VGG = {
  modules: Object.fromEntries(
    VGG_STAGES.flatMap((indices, stage) =>
      indices.map((index, i) => [`features.${index}`, `stage${stage + 1}.${i}.convolution`]),
    ),
  ),
  tensors: {},
  unused: ['classifier.*'],
  fresh: ['largeFov.*', 'aspp.*', 'classifier.*'],
  colours: IMAGENET_COLOURS,
} as const;

const MAPS: Readonly<Record<string, Omit<WeightMap, 'name'>>> = {
  'torchvision-resnet50': RESNET,
  'torchvision-resnet101': RESNET,
  'torchvision-deeplabv3-resnet50': DEEPLABV3,
  'torchvision-vgg16': VGG,
};

/** The names of the built-in maps. */
export const builtInMapNames = (): string[] => Object.keys(MAPS);

/** A built-in map; undefined where there is none of this name. */
export const builtInMap = (name: string): WeightMap | undefined =>
  Object.hasOwn(MAPS, name) ? { name, ...MAPS[name] } : undefined;

/** @throws ConfigError for a `map` that is neither a file nor a name. */
export function refuseUnknownMap(name: string): never {
  throw new ConfigError(`map: no file ${name}, and no map of this name`, suggest(name, builtInMapNames()));
}
