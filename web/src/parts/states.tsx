/** @file What stands where there is nothing to show: still loading, nothing there, something failed. */
import type { ComponentChildren } from 'preact';

/** Nothing yet; `children` say why and what to do. */
export const Empty = ({ title, children }: { title: string; children?: ComponentChildren }) => (
  <div class="empty">
    <p class="empty-title">{title}</p>
    {children}
  </div>
);

export const Loading = ({ what }: { what: string }) => (
  <div class="empty" role="status">
    <span class="spinner" aria-hidden="true" />
    <p>loading {what}</p>
  </div>
);

export const Failed = ({ message }: { message: string }) => (
  <div class="empty bad" role="alert">
    <p class="empty-title">This could not be loaded</p>
    <p>{message}</p>
  </div>
);

/** A part of a page with a heading. */
export const Card = ({
  title,
  aside,
  children,
}: {
  title?: string;
  aside?: ComponentChildren;
  children: ComponentChildren;
}) => (
  <section class="card">
    {(title || aside) && (
      <div class="card-head">
        {title && <h2>{title}</h2>}
        {aside && <div class="controls">{aside}</div>}
      </div>
    )}
    {children}
  </section>
);

/** Numbers with their names. */
export const Tiles = ({ tiles }: { tiles: readonly (readonly [name: string, value: string, detail?: string])[] }) => (
  <dl class="tiles">
    {tiles.map(([name, value, detail]) => (
      <div key={name}>
        <dt>{name}</dt>
        <dd>
          {value}
          {detail && <small>{detail}</small>}
        </dd>
      </div>
    ))}
  </dl>
);

/** One of a few, side by side. */
export const Choice = <Name extends string>(props: {
  names: readonly Name[];
  chosen: Name;
  label: string;
  shown?: (name: Name) => string;
  onChange: (name: Name) => void;
}) => (
  <fieldset class="choice" aria-label={props.label}>
    {props.names.map((name) => (
      <button key={name} type="button" aria-pressed={name === props.chosen} onClick={() => props.onChange(name)}>
        {props.shown?.(name) ?? name}
      </button>
    ))}
  </fieldset>
);

/** A slider with its name and value; arrow keys move it by one step. */
export function Slider(props: {
  name: string;
  value: number;
  min: number;
  max: number;
  step?: number;
  shown?: string;
  onChange: (value: number) => void;
}) {
  const { name, value, min, max, step = 1, shown, onChange } = props;
  return (
    <label class="slider">
      <span>{name}</span>
      <input
        type="range"
        min={min}
        max={max}
        step={step}
        value={value}
        aria-valuetext={shown}
        onInput={({ currentTarget }) => onChange(currentTarget.valueAsNumber)}
      />
      <output>{shown ?? value}</output>
    </label>
  );
}

/** How much curves of single steps are smoothed, from 0 (not at all) to 0.99. */
export const Smoothing = ({ value, onChange }: { value: number; onChange: (value: number) => void }) => (
  <Slider name="smoothing" value={value} min={0} max={0.99} step={0.01} shown={value.toFixed(2)} onChange={onChange} />
);

/** What the head of a page says in a line; the best score stands out. */
export const Facts = ({ facts }: { facts: readonly string[] }) => (
  <p class="facts">
    {facts.map((fact) => (
      <span key={fact} class={fact.startsWith('best ') ? 'best' : ''}>
        {fact}
      </span>
    ))}
  </p>
);
