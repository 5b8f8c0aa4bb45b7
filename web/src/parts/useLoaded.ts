/** @file Fetches what a view needs beside the events, again whenever the run has made progress. */
import { useEffect, useState } from 'preact/hooks';
import type { Loadable } from '../state.ts';

/** The result of `load`, called at first and whenever `stamp` changes; the old one stays until the new one is there. */
export function useLoaded<Value>(load: () => Promise<Value | undefined>, stamp: string | number): Loadable<Value> {
  const [loaded, setLoaded] = useState<Loadable<Value>>({ state: 'loading' });
  useEffect(() => {
    let isCurrent = true;
    const settle = (next: Loadable<Value>) => {
      if (isCurrent) setLoaded(next);
    };
    load().then(
      (value) => settle(value === undefined ? { state: 'missing' } : { state: 'ready', value }),
      (error: Error) => settle({ state: 'failed', message: error.message }),
    );
    return () => {
      isCurrent = false;
    };
  }, [stamp]);
  return loaded;
}
