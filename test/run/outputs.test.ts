/** @file Outputs that are inputs, each other, folders, or behind links, are refused before anything is written. */
import { linkSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { createRunFolder } from '../../src/run/folder.ts';
import { recordFiles, requireFreeOutputs, withFolders } from '../../src/run/outputs.ts';
import { temporaryFolder } from '../helpers/temporaryFolder.ts';

/** A folder `in` with `a.png`, and ways to it. */
function somewhere() {
  const root = temporaryFolder();
  const at = (...path: string[]) => join(root, ...path);
  mkdirSync(at('in', 'deeper'), { recursive: true });
  mkdirSync(at('out'));
  writeFileSync(at('in', 'a.png'), 'precious');
  symlinkSync(at('in'), at('link'));
  symlinkSync(at('in', 'a.png'), at('out', 'linked.png'));
  linkSync(at('in', 'a.png'), at('out', 'hard.png'));
  return { root, at };
}

it.each([
  ['itself', 'in/a.png'],
  ['by another way', 'in/../in/./a.png'],
  ['through a folder that is a link', 'link/a.png'],
  ['as a link to it', 'out/linked.png'],
  ['under another name', 'out/hard.png'],
])('an input is no output: %s', (_, output) => {
  const { at } = somewhere();
  const inputs = [at('in', 'a.png')];
  expect(() => requireFreeOutputs({ outputs: [at(output)], inputs })).toThrow(/would overwrite .*nothing was written/);
  expect(() => requireFreeOutputs({ outputs: [at('out', 'new.png')], inputs })).not.toThrow();
});

it('of a folder that is an input the files directly in it are none, below it new folders are free', () => {
  const { at } = somewhere();
  const inputs = [at('in')];
  expect(() => requireFreeOutputs({ outputs: [at('in', 'a.png')], inputs: withFolders([at('in', 'b.png')]) })).toThrow(
    /would overwrite a file of .*in; nothing was written/,
  );
  expect(() => requireFreeOutputs({ outputs: [at('in', 'a.png')], inputs })).toThrow(/would overwrite/);
  for (const output of ['in/b.png', 'in/deeper/a.png', 'in/new/a.png'])
    expect(() => requireFreeOutputs({ outputs: [at(output)], inputs })).not.toThrow();
});

it('two outputs are two files', () => {
  const { at } = somewhere();
  const outputs = [at('in', 'new.png'), at('link', 'new.png')];
  expect(() => requireFreeOutputs({ outputs, inputs: [] })).toThrow(
    /would be written twice \(it is .*in\/new.png too\)/,
  );
});

it('a folder is no output, and a file no folder', () => {
  const { at } = somewhere();
  expect(() => requireFreeOutputs({ outputs: [at('in')], inputs: [] })).toThrow(/got a folder of that name/);
  expect(() => requireFreeOutputs({ outputs: [at('in', 'a.png', 'b')], inputs: [] })).toThrow(/a.png is a file/);
});

it('no link leads out of the run that is written to', () => {
  const { root, at } = somewhere();
  const run = at('run');
  mkdirSync(run);
  symlinkSync(at('in'), join(run, 'predictions'));
  const outputs = [join(run, 'predictions', 'b.png')];
  expect(() => requireFreeOutputs({ outputs, inputs: [], inside: run })).toThrow(/leads out of it/);
  expect(() => requireFreeOutputs({ outputs, inputs: [], inside: root })).not.toThrow();
});

it('the record of a run is its files, checkpoints, samples and evaluations, not what else is made in it', () => {
  const folder = createRunFolder(temporaryFolder(), 'train', 'a');
  const inputs = () => recordFiles(folder);
  const put = (...path: string[]) => {
    const file = join(folder.path, ...path);
    mkdirSync(join(file, '..'), { recursive: true });
    writeFileSync(file, '');
    return file;
  };
  for (const path of [
    ['network.json'],
    ['checkpoints', 'best', 'tensors'],
    ['samples', 'x.png'],
    ['evaluations', 'val', 'per_class.csv'],
  ]) {
    const file = put(...path);
    expect(() => requireFreeOutputs({ outputs: [file], inputs: inputs() }), file).toThrow(/would overwrite/);
  }
  for (const path of [
    ['predictions', 'x.png'],
    ['export', 'model.onnx'],
    ['mine', 'x.png'],
  ]) {
    const file = put(...path);
    expect(() => requireFreeOutputs({ outputs: [file], inputs: inputs() }), file).not.toThrow();
  }
});
