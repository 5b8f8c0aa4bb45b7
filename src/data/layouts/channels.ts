/**
 * @file The channels of volumes that have a file each: `<id>_<channel>` with four digits, as nnU-Net names them. Which channel a file is, its number
 * says, never its place in a list.
 */
import { dirname } from 'node:path';
import { DataError } from '../../base/errors.ts';
import { volumeId } from './volumeFolders.ts';

/** A file or folder of slices, and how many channels it has by itself. */
export interface ChannelFile {
  readonly file: string;
  readonly channels: number;
}

/** One volume: its name, and its files in the order of the channels. */
export interface ChannelGroup {
  readonly id: string;
  readonly files: readonly string[];
}

/** What the name of a file says: the volume, and which channel of it; undefined where it ends in no four digits. */
export function channelOf(name: string): { id: string; channel: number } | undefined {
  const [, id, channel] = /^(.+)_(\d{4})$/.exec(name) ?? [];
  return id === undefined ? undefined : { id, channel: Number(channel) };
}

/**
 * Files as volumes of several modalities. A file with a channel for each modality is a volume whatever its name; the others go together by
 * the name before their number, wherever they lie, or by their folder where two folders have channels of one name.
 * @throws DataError naming the file and the modality: a channel that is missing, there twice, or of no modality; a file without a number.
 */
export function groupChannels(files: readonly ChannelFile[], modalities: readonly string[]): ChannelGroup[] {
  const whole: ChannelGroup[] = [];
  const parts = new Map<string, Part[]>();
  for (const { file, channels } of files) {
    if (channels === modalities.length) whole.push({ id: volumeId(file), files: [file] });
    else {
      const part = partOf(file, channels, modalities);
      const group = parts.get(part.id);
      if (group) group.push(part);
      else parts.set(part.id, [part]);
    }
  }
  return [...whole, ...[...parts.values()].flatMap(byFolder).map((group) => inOrder(group, modalities))];
}

interface Part {
  readonly file: string;
  readonly id: string;
  readonly channel: number;
}

function partOf(file: string, channels: number, modalities: readonly string[]): Part {
  const part = channels === 1 ? channelOf(volumeId(file)) : undefined;
  if (part === undefined)
    throw new DataError(
      `${file}: ${channels} of the ${modalities.length} channels of a volume (${modalities.join(', ')}), and its name does not say which`,
      `call the files of a volume ${modalities.map((_, i) => nameOf('<name>', i)).join(', ')}, or put all channels into one file`,
    );
  if (part.channel >= modalities.length)
    throw new DataError(
      `${file}: channel ${part.channel}, but the modalities are ${described(modalities)}`,
      'take it out, or give it the number of its modality',
    );
  return { file, ...part };
}

/** Files of one name together, or folder by folder where a channel is there twice: those are of several patients. */
function byFolder(group: readonly Part[]): Part[][] {
  if (new Set(group.map(({ channel }) => channel)).size === group.length) return [[...group]];
  const folders = new Map<string, Part[]>();
  for (const part of group) folders.set(dirname(part.file), [...(folders.get(dirname(part.file)) ?? []), part]);
  return [...folders.values()];
}

function inOrder(group: readonly Part[], modalities: readonly string[]): ChannelGroup {
  const [{ id, file: first }] = group;
  const files = modalities.map((modality, channel) => {
    const [found, other] = group.filter((part) => part.channel === channel);
    if (found === undefined)
      throw new DataError(
        `${first}: the volume lacks ${modality} (${nameOf(id, channel)})`,
        `a volume has the modalities ${described(modalities)}, in files of one name and, for volumes of one name, of one folder`,
      );
    if (other !== undefined)
      throw new DataError(`${found.file} and ${other.file} are both ${modality} of ${id}`, 'take one of them out');
    return found.file;
  });
  return { id, files };
}

const nameOf = (id: string, channel: number): string => `${id}_${String(channel).padStart(4, '0')}`;

const described = (modalities: readonly string[]): string =>
  modalities.map((modality, channel) => `${String(channel).padStart(4, '0')} ${modality}`).join(', ');
