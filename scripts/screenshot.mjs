/**
 * @file A picture of a place of the dashboard, for the documents: `node scripts/screenshot.mjs <folder of runs> <place> <picture.png> [theme=dark]
 * [width=1180] [height=760] [click=<name of a button>] [hide=<what is left out, as in CSS>]`. Needs Chromium (`CHROMIUM`, or where Debian puts it) and the built page.
 */
import { existsSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import sharp from 'sharp';
import { serveDashboard } from '../dist/server/serve.js';

const [root, place, target, ...rest] = process.argv.slice(2);
if (target === undefined) {
  console.error(
    'expected: node scripts/screenshot.mjs <folder of runs> <place, such as #/> <picture.png> [key=value ...]',
  );
  process.exit(2);
}
const options = Object.fromEntries(rest.map((one) => one.split(/=(.*)/s).slice(0, 2)));
const { theme = 'light', width = 1180, height = 760, click, hide } = options;
const executablePath = [process.env.CHROMIUM ?? '', '/usr/bin/chromium'].find((path) => existsSync(path));
const web = join(dirname(fileURLToPath(import.meta.url)), '..', 'dist', 'web');
const dashboard = await serveDashboard({ root, web, host: '127.0.0.1', port: 0, searchPort: false });
const browser = await chromium.launch({
  ...(executablePath === undefined ? {} : { executablePath }),
  args: ['--headless', '--no-sandbox', '--disable-gpu', '--enable-unsafe-swiftshader'],
});
try {
  const viewport = { width: Number(width), height: height === 'all' ? 800 : Number(height) };
  const page = await browser.newPage({ viewport, colorScheme: theme, reducedMotion: 'reduce' });
  await page.goto(`${dashboard.url}${place}`);
  await page.locator('.card, .empty').first().waitFor();
  if (click !== undefined) await page.getByRole('button', { name: click }).first().click();
  await page.locator('.solid[aria-busy=true]').waitFor({ state: 'detached', timeout: 90_000 });
  const areLoaded = '[...document.images].every(({ complete, naturalWidth }) => complete && naturalWidth > 0)';
  for (let tries = 0; tries < 60 && !(await page.evaluate(areLoaded)); tries++) await sleep(500);
  // Charts and images are drawn in the frames after their data are there.
  await sleep(2000);
  if (hide !== undefined) await page.locator(hide).evaluateAll((found) => found.map((element) => element.remove()));
  const picture = await page.screenshot({ fullPage: height === 'all' });
  writeFileSync(target, await sharp(picture).png({ palette: true, quality: 90 }).toBuffer());
} finally {
  await browser.close();
  await dashboard.close();
}
