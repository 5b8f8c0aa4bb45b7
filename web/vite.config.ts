/** @file Builds the dashboard's page into dist/web: plain files, no inline script or style, nothing from another server. */
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  // Relative to the page: it may be served below any path.
  base: './',
  logLevel: 'warn',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: fileURLToPath(new URL('../dist/web', import.meta.url)),
    emptyOutDir: true,
    target: 'es2022',
    // The policy of the page forbids inline scripts and styles.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // Their licences ask that the notices go along with what was bundled.
    license: { fileName: 'licences.md' },
    // niivue, in a file of its own for those who ask for 3D.
    chunkSizeWarningLimit: 1000,
    // Its codecs for Zarr, which nothing here asks for.
    rolldownOptions: { external: /^numcodecs\// },
  },
});
