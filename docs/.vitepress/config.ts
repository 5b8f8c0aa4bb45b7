/**
 * @file The site of the documents: pages in reading order, search without a service. Built by scripts/docs.mjs.
 */
import { defineConfig } from 'vitepress';

const page = (text: string, link: string) => ({ text, link });

export default defineConfig({
  title: 'Espalier',
  description: 'Search for a segmentation network along a trellis, train it, measure it, ship it.',
  outDir: '../build/site',
  cacheDir: '../build/site-cache',
  // The server of the dashboard is no page.
  ignoreDeadLinks: 'localhostLinks',
  head: [['link', { rel: 'icon', href: '/icon.svg' }]],
  themeConfig: {
    logo: '/icon.svg',
    search: { provider: 'local' },
    outline: [2, 3],
    sidebar: [
      {
        text: 'Use',
        items: [
          page('Concepts', '/concepts'),
          page('Start', '/start'),
          page('Your own data', '/data'),
          page('Budgets', '/budgets'),
          page('A CRF after a network', '/crf'),
          page('Predict and ship', '/ship'),
          page('Dashboard', '/dashboard'),
          page('From a folder and a budget to a network', '/auto'),
          page('Variants of the search', '/search'),
          page('Networks by name', '/networks'),
          page('Add an operator', '/operators'),
          page('Start from trained weights', '/weights'),
          page('Questions', '/faq'),
        ],
      },
      {
        text: 'Reference',
        items: [
          page('Commands', '/reference/commands'),
          page('Settings', '/reference/settings'),
          page('Library', '/reference/library/'),
          page('In the browser', '/reference/browser/'),
          page('Read a run from Python', '/python'),
        ],
      },
      {
        text: 'Facts',
        items: [
          page('Results', '/results'),
          page('Reliability', '/reliability'),
          page('Design', '/design'),
          page('Licences', '/licences'),
          page('What is open', '/open'),
        ],
      },
    ],
  },
});
