/**
 * @file File names made of texts that may hold anything: readable, accepted by every system, and different for different texts.
 */

/** Longest name in bytes of UTF-8. Systems allow 255; endings and the temporary name of an atomic write need the rest. */
const MOST_BYTES = 160;

/** Kept: letters of every script with their marks and joiners, numbers, emoji, and `_ . -`. */
const REPLACED =
  /[^\p{L}\p{M}\p{N}\p{Extended_Pictographic}\p{Emoji_Modifier}\p{Regional_Indicator}\p{Join_Control}\u{e0020}-\u{e007f}_.-]+/gu;

/** A text as the name of one file: what not every system accepts becomes `_`; never empty, hidden or too long. Different texts may give one name. */
export function fileName(text: string): string {
  const name = text.replace(REPLACED, '_').replace(/^\.+/, '_');
  return shortened(name === '' ? '_' : name);
}

/**
 * A file name for each text, in order: different ones even where a system ignores case or how letters are composed. A text that is a
 * file name keeps it; further ones that would get the same name have a number behind it.
 *
 * @param endings what is appended to a name: none of the files `<name><ending>` are one, such as `a_colour` + `.png` and `a` + `_colour.png`
 */
export function distinctNames(texts: readonly string[], endings: readonly string[] = ['']): string[] {
  const taken = new Set<string>();
  const numbers = new Map<string, number>();
  const names = texts.map(fileName);
  const choose = (name: string): string => {
    for (let number = numbers.get(name) ?? 1; ; number++) {
      const chosen = number === 1 ? name : `${name}-${number}`;
      const files = endings.map((ending) => folded(chosen + ending));
      if (files.some((file) => taken.has(file))) continue;
      for (const file of files) taken.add(file);
      numbers.set(name, number + 1);
      return chosen;
    }
  };
  const kept = names.map((name, i) => name === texts[i]);
  for (const first of [true, false])
    for (const [i, name] of names.entries()) if (kept[i] === first) names[i] = choose(name);
  return names;
}

/**
 * A name for each file, in order, as short as tells them apart: its own without the ending, with the folders above it, or with the ending.
 * @param stems the names of the files without their endings
 */
export function namesOfFiles(
  files: readonly string[],
  stems: readonly string[],
  endings: readonly string[] = [''],
): string[] {
  const texts = [...stems];
  const groups = new Map<string, number[]>();
  for (const [i, stem] of stems.entries()) {
    const key = folded(fileName(stem));
    const group = groups.get(key);
    if (group) group.push(i);
    else groups.set(key, [i]);
  }
  for (const group of groups.values()) {
    if (group.length === 1) continue;
    const folders = group.map((i) => files[i].split(/[/\\]/).slice(0, -1));
    const depths = folders.reduce((most, { length }) => Math.max(most, length), 0);
    const candidates = Array.from({ length: depths }, (_, depth) =>
      group.map((i, k) => [...folders[k].slice(-depth - 1), stems[i]].join('_')),
    );
    candidates.push(group.map((i) => files[i].split(/[/\\]/).at(-1)!.replaceAll('.', '_')));
    const chosen = candidates.find(
      (names) => new Set(names.map((name) => folded(fileName(name)))).size === names.length,
    );
    group.forEach((i, k) => {
      if (chosen) texts[i] = chosen[k];
    });
  }
  return distinctNames(texts, endings);
}

/** What two names of one file have in common where a system ignores case and composition. */
const folded = (name: string): string => name.normalize('NFC').toUpperCase().toLowerCase().normalize('NFC');

/** Cut between letters as people see them, not inside of one. */
function shortened(name: string): string {
  if (Buffer.byteLength(name) <= MOST_BYTES) return name;
  let bytes = 0;
  let kept = '';
  for (const { segment } of new Intl.Segmenter('en', { granularity: 'grapheme' }).segment(name)) {
    bytes += Buffer.byteLength(segment);
    if (bytes > MOST_BYTES) break;
    kept += segment;
  }
  return kept === '' ? '_' : kept;
}
