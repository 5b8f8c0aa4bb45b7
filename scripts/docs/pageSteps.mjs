/**
 * @file What a reader does with a page of the documents: the code blocks that can be executed, in order, and their commands made short enough for a test.
 * A block counts by the words behind its backticks: `sh run` are commands, `diff <file>` changes a file of the clone, `json <file>` is a file.
 */

/**
 * The steps of a page: `{ kind: 'run', commands }`, `{ kind: 'edit', file, text }` or `{ kind: 'file', file, text }`. Commands have no comments, and are one
 * line where a backslash joined several.
 */
export function pageSteps(markdown) {
  const blocks = markdown.matchAll(/^```([a-z]+) (\S+)\n([\s\S]*?)^```/gm);
  return [...blocks].map(([, language, word, text]) => {
    if (language === 'sh' && word === 'run') return { kind: 'run', commands: commandsOf(text) };
    if (language === 'diff') return { kind: 'edit', file: word, text };
    return { kind: 'file', file: word, text };
  });
}

const commandsOf = (text) =>
  text
    .replaceAll(/\\\n\s*/g, ' ')
    .split('\n')
    .map((line) => line.replace(/(^| +)# .*/, '').trim())
    .filter((line) => line !== '');

/**
 * A file with a change: the lines that stay and those that go (` ` and `-`) must occur once; those that stay and those that come (`+`) replace them.
 * @throws Error where they do not occur, or more than once
 */
export function applyEdit(content, text, file) {
  const lines = text.trimEnd().split('\n');
  const of = (...marks) =>
    lines
      .filter((line) => marks.includes(line[0]))
      .map((line) => `${line.slice(1)}\n`)
      .join('');
  const [before, after] = [of(' ', '-'), of(' ', '+')];
  const found = content.split(before).length - 1;
  if (found !== 1) throw new Error(`${file}: expected these lines once, found ${found} times:\n${before}`);
  return content.replace(before, () => after);
}

/** What makes runs of a command short; a later word holds. */
const SHORT = {
  auto: ['candidates=3', 'steps=2', 'processes=1', 'training.crop=32', 'training.batch=2'],
  search: ['epochs=1', 'batch=2', 'crop=33', 'layers=2', 'evaluateSamples=1', 'workers=0', 'threads=1'],
  train: ['steps=2', 'batch=2', 'crop=33', 'evaluateEvery=100', 'workers=0', 'threads=1'],
  compare: ['budget=2steps', 'seeds=1', 'batch=2', 'crop=33', 'workers=0', 'threads=1'],
  measure: ['size=[33,33]'],
  demo: ['minutes=0.2'],
};

/** What differs where a command trains volumes, or searches with DiNTS. */
const OF_DINTS = { search: ['crop=32', 'levels=2', 'width=0.0625'], train: ['crop=32'], compare: ['crop=32'] };

/** Sizes of images that are counted without being computed. */
const isFree = (words) => words[0] === 'info' && !words.includes('--measure');

/** The same command with the smallest settings that its command has; whatever it does, it does in seconds. */
export function shortened(line) {
  if (/^npm start$/.test(line)) return `${line} -- minutes=0.2`;
  const [program, ...words] = line.split(/ +/);
  if (program !== 'espalier') return line;
  const nested = words.indexOf('--');
  if (nested >= 0) {
    const inner = shortened(['espalier', ...words.slice(nested + 1)].join(' '));
    return [program, ...words.slice(0, nested + 1), inner.replace(/^espalier /, '')].join(' ');
  }
  const [command] = words;
  const isDints = /method=dints|hippocampus/.test(line);
  const cellOnly = command === 'search' && !isDints ? ['filters=2', 'blocks=1'] : [];
  // The embedded scenes are 400.
  const few = command === 'search' && words.includes('data=scenes') ? ['splitFraction=0.99'] : [];
  const many = words.some((word) => word.startsWith('trials=')) ? ['trials=2', 'selection.steps=2'] : [];
  const small = words.map((word) => (isFree(words) ? word : word.replace(/^size=.*/, 'size=[33,33]')));
  // Volumes without a download.
  return [
    program,
    ...small.map((word) => word.replace(/\bhippocampus\b/, 'phantoms').replace(/^data=scenes$/, '$&:64x48')),
    ...(SHORT[command] ?? []),
    ...(isDints ? (OF_DINTS[command] ?? []) : []),
    ...cellOnly,
    ...few,
    ...many,
  ].join(' ');
}
