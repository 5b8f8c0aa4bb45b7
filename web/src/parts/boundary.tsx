/** @file Keeps a part of the page that cannot be drawn, such as a view of a damaged file, from taking the rest with it. */
import { Component, type ComponentChildren } from 'preact';
import { Empty } from './states.tsx';

interface Props {
  /** What cannot be shown then. */
  readonly what: string;
  readonly children: ComponentChildren;
}

/** Its children, or where these throw what they threw. Another `key` tries again. */
export class Boundary extends Component<Props, { readonly fault?: string }> {
  override state: { readonly fault?: string } = {};

  static override getDerivedStateFromError(error: unknown): { fault: string } {
    return { fault: error instanceof Error ? error.message : String(error) };
  }

  override render({ what, children }: Props, { fault }: { readonly fault?: string }) {
    if (fault === undefined) return children;
    return (
      <Empty title={`${what} cannot be shown`}>
        <p>A file of the run may be damaged, or of another version: {fault.slice(0, 200)}</p>
      </Empty>
    );
  }
}
