/**
 * @file `npm run docs`: the documents as a site in build/site. Draws the pictures of the concepts, writes the pages that follow from the code
 * (commands, settings, library), and lets VitePress build; a link that leads nowhere fails it. Needs dist/, no network and no libtorch.
 */
import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Application } from 'typedoc';
import { build } from 'vitepress';
import { conceptPictures } from './docs/pictures.mjs';
import { commandsPage, settingsPage } from './docs/reference.mjs';

const root = join(import.meta.dirname, '..');
const docs = join(root, 'docs');
const reference = join(docs, 'reference');

rmSync(reference, { recursive: true, force: true });
mkdirSync(reference, { recursive: true });
for (const [name, svg] of Object.entries(conceptPictures())) writeFileSync(join(docs, 'pictures', name), svg);
// What the first page shows beside its text.
mkdirSync(join(docs, 'public'), { recursive: true });
cpSync(join(root, 'web', 'public', 'icon.svg'), join(docs, 'public', 'icon.svg'));
cpSync(join(docs, 'pictures', 'concept-trellis.svg'), join(docs, 'public', 'concept-trellis.svg'));
writeFileSync(join(reference, 'commands.md'), commandsPage());
writeFileSync(join(reference, 'settings.md'), settingsPage());
await documentLibrary('library', 'src/index.ts', 'tsconfig.build.json');
await documentLibrary('browser', 'src/browser/index.ts', 'tsconfig.browser.json');
await build(docs);
// Linked as files, which VitePress does not change.
for (const name of ['architectures', 'results'])
  cpSync(join(docs, name), join(root, 'build', 'site', name), { recursive: true });
process.stdout.write(
  `the site: ${join(root, 'build', 'site', 'index.html')}\nto read it: npx vitepress preview docs   (http://localhost:4173)\n`,
);

/** One page for what an entry of the package exports, one for each of its namespaces. */
async function documentLibrary(name, entry, tsconfig) {
  const application = await Application.bootstrapWithPlugins({
    entryPoints: [join(root, entry)],
    tsconfig: join(root, tsconfig),
    plugin: ['typedoc-plugin-markdown'],
    name: name === 'library' ? 'espalier' : `espalier/${name}`,
    readme: 'none',
    disableSources: true,
    excludeInternal: true,
    excludeExternals: true,
    skipErrorChecking: true,
    logLevel: 'Error',
    blockTags: ['@file', '@paper', '@param', '@returns', '@throws', '@see'],
    outputs: [{ name: 'markdown', path: join(reference, name) }],
    ...{ entryFileName: 'index.md', outputFileStrategy: 'modules', hidePageHeader: true, hideBreadcrumbs: true },
    ...{ useCodeBlocks: true, useHTMLAnchors: true, parametersFormat: 'table', propertiesFormat: 'table' },
  });
  const project = await application.convert();
  if (!project) throw new Error(`${entry}: TypeDoc gave nothing`);
  await application.generateOutputs(project);
  if (application.logger.hasErrors()) throw new Error(`${entry}: TypeDoc found errors`);
}
