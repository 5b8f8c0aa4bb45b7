/** @file A real Chromium for tests of the dashboard: found on the machine, never downloaded. */
import { existsSync } from 'node:fs';
import { type Browser, chromium, type Page } from 'playwright-core';

const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome', '/snap/bin/chromium'];

/** Path of a Chromium: `ESPALIER_CHROMIUM`, or the system's; undefined when there is none. */
export const findChromium = (): string | undefined =>
  [process.env.ESPALIER_CHROMIUM ?? '', ...PLACES].find((path) => path !== '' && existsSync(path));

/** Starts it without windows, sandbox (tests run as root in containers) and anything that would call out. */
export const openChromium = (executablePath: string): Promise<Browser> =>
  chromium.launch({
    executablePath,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--force-color-profile=srgb',
    ],
  });

/** What a page complained about: errors of the console, exceptions, requests that failed. */
export function complaintsOf(page: Page): string[] {
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  return complaints;
}
