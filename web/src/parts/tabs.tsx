/** @file Tabs as links: one tab stop, arrow keys between them, as screen readers expect. */
import { useEffect, useRef } from 'preact/hooks';

/** One tab. */
export interface Tab {
  readonly name: string;
  readonly href: string;
  /** Why there is nothing to show: pale, but reachable, and the view says the same. */
  readonly why?: string | undefined;
}

export function Tabs({ tabs, active, label }: { tabs: readonly Tab[]; active: string; label: string }) {
  const list = useRef<HTMLDivElement>(null);
  const wasKey = useRef(false);
  useEffect(() => {
    const chosen = list.current?.querySelector<HTMLElement>('[aria-selected=true]');
    // On a phone not all of them fit: the chosen one is in view, in the middle where there is room on both sides.
    if (list.current && chosen)
      list.current.scrollLeft =
        chosen.offsetLeft - list.current.offsetLeft - (list.current.clientWidth - chosen.offsetWidth) / 2;
    if (wasKey.current) chosen?.focus();
    wasKey.current = false;
  }, [active]);
  const onKeyDown = (event: KeyboardEvent) => {
    const place = tabs.findIndex(({ name }) => name === active);
    const next = { ArrowRight: place + 1, ArrowLeft: place - 1, Home: 0, End: tabs.length - 1 }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    wasKey.current = true;
    location.hash = tabs[(next + tabs.length) % tabs.length].href;
  };
  return (
    <div class="tabs" role="tablist" aria-label={label} ref={list} onKeyDown={onKeyDown}>
      {tabs.map(({ name, href, why }) => (
        <a
          key={name}
          role="tab"
          href={href}
          aria-selected={name === active}
          aria-controls="view"
          tabIndex={name === active ? 0 : -1}
          class={why === undefined ? '' : 'pale'}
          title={why}
        >
          {name}
        </a>
      ))}
    </div>
  );
}
