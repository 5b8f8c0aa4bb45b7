/** @file Light or dark: what the system says, until somebody chooses. */
import { computed, effect, signal } from '@preact/signals';

const KEY = 'espalier-theme';
const system = matchMedia('(prefers-color-scheme: dark)');
const systemIsDark = signal(system.matches);
system.addEventListener('change', () => {
  systemIsDark.value = system.matches;
});
const chosen = signal<string | null>(localStorage.getItem(KEY));

/** The theme that holds. */
export const theme = computed(() => (chosen.value ?? (systemIsDark.value ? 'dark' : 'light')) as 'light' | 'dark');

effect(() => {
  document.documentElement.dataset.theme = theme.value;
});

/** Changes to the other theme; back to that of the system when it is the same. */
export function toggleTheme(): void {
  const next = theme.value === 'dark' ? 'light' : 'dark';
  chosen.value = next === (systemIsDark.value ? 'dark' : 'light') ? null : next;
  if (chosen.value === null) localStorage.removeItem(KEY);
  else localStorage.setItem(KEY, chosen.value);
}

/** The value of a colour of the style sheet, such as `--series-0`, for canvases. */
export const colour = (name: string): string =>
  getComputedStyle(document.documentElement).getPropertyValue(name).trim();
