/** @file The frame around every view: title, theme, keys, and whether the page is connected. */
import { useEffect, useRef } from 'preact/hooks';
import { connection } from './connection.ts';
import { Boundary } from './parts/boundary.tsx';
import { goTo, linkTo, route } from './route.ts';
import { runs } from './state.ts';
import { theme, toggleTheme } from './theme.ts';
import { CollectionPage } from './views/collection/page.tsx';
import { moveView, RunPage } from './views/run.tsx';
import { RunsPage } from './views/runs.tsx';

/** What the keys do, for the table behind `?`. */
const KEYS: readonly (readonly [key: string, what: string])[] = [
  ['?', 'this table'],
  ['g', 'table of runs'],
  ['[ and ]', 'view before and after'],
  ['← and →', 'on tabs: the next one; on sliders: epoch, smoothing, opacity'],
  ['j and k', 'in samples: next and previous'],
  ['arrows', 'on a slice of a volume: the crosshair'],
  ['Page ↑ ↓', 'on a slice of a volume: the slice'],
  ['t', 'light or dark'],
  ['Esc', 'close'],
];

export function App() {
  const help = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const { target, key, ctrlKey, metaKey, altKey } = event;
      const isTyping =
        target instanceof HTMLElement && target.matches('input:not([type=range],[type=checkbox]), select, textarea');
      if (isTyping || ctrlKey || metaKey || altKey) return;
      if (key === '?') toggle(help.current);
      else if (key === 'g') goTo({});
      else if (key === 't') toggleTheme();
      else if (key === '[') moveView(-1);
      else if (key === ']') moveView(1);
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, []);
  const { run, collection } = route.value;
  const place = run ?? collection;
  const count = [...(runs.value?.values() ?? [])].filter(({ state }) => state === 'running').length;
  document.title = place ? `${place} · Espalier` : `${count > 0 ? `(${count}) ` : ''}Espalier`;
  return (
    <>
      <a class="skip" href="#content">
        to the content
      </a>
      <header class="frame">
        <a class="brand" href={linkTo({})}>
          <img src="icon.svg" alt="" width="24" height="24" />
          Espalier
        </a>
        <nav aria-label="place">
          {place && (
            <>
              <a href={linkTo({})}>runs</a>
              <span aria-hidden="true">/</span>
              <span class="ellipsis">{place}</span>
            </>
          )}
        </nav>
        <Connection />
        <button
          type="button"
          class="icon"
          onClick={toggleTheme}
          title="light or dark (t)"
          aria-label={`change to ${theme.value === 'dark' ? 'light' : 'dark'}`}
        >
          {theme.value === 'dark' ? '☀' : '☾'}
        </button>
        <button type="button" class="icon" onClick={() => toggle(help.current)} title="keys (?)" aria-label="keys">
          ?
        </button>
      </header>
      {connection.value === 'lost' && (
        <p class="banner" role="alert">
          Connection lost, retrying. What is shown is as of then.
        </p>
      )}
      <main id="content" tabIndex={-1}>
        <Boundary key={place} what={place ?? 'the table of runs'}>
          {run ? <RunPage id={run} /> : collection ? <CollectionPage id={collection} /> : <RunsPage />}
        </Boundary>
      </main>
      <dialog ref={help} aria-labelledby="keys">
        <h2 id="keys">Keys</h2>
        <dl class="keys">
          {KEYS.map(([key, what]) => (
            <div key={key}>
              <dt>
                <kbd>{key}</kbd>
              </dt>
              <dd>{what}</dd>
            </div>
          ))}
        </dl>
        <form method="dialog">
          <button type="submit">Close</button>
        </form>
      </dialog>
    </>
  );
}

function Connection() {
  const texts = { connecting: 'connecting', live: 'live', lost: 'disconnected' };
  return (
    <span class={`connection ${connection.value}`} role="status">
      {texts[connection.value]}
    </span>
  );
}

function toggle(dialog: HTMLDialogElement | null): void {
  if (dialog?.open) dialog.close();
  else dialog?.showModal();
}
