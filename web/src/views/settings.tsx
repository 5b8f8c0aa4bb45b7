/** @file The settings of a run as it stored them, what it said on its way, and the versions it ran with. */
import { formatMoment } from '../format.ts';
import { Card } from '../parts/states.tsx';
import type { LoadedRun } from '../state.ts';

/** The newest messages are enough: the log has all. */
const MOST_MESSAGES = 100;

export function SettingsView({ detail, events }: LoadedRun) {
  const messages = events.flatMap((event) => (event.type === 'warning' || event.type === 'note' ? [event] : []));
  const versions = Object.entries(detail.versions);
  return (
    <>
      {messages.length > 0 && (
        <Card title="Messages">
          <ul class="problems">
            {messages.slice(-MOST_MESSAGES).map(({ seq, type, message, time }) => (
              <li key={seq}>
                <span class={`state ${type === 'warning' ? 'stopped' : 'done'}`}>{type}</span> {message}{' '}
                <span class="quiet">{formatMoment(time)}</span>
              </li>
            ))}
          </ul>
        </Card>
      )}
      <Card title="Settings">
        <p class="quiet">The command runs again from them with config=config.yaml.</p>
        <pre>{detail.config ?? 'The run has no config.yaml.'}</pre>
      </Card>
      {versions.length > 0 && (
        <Card title="Versions">
          <p>{versions.map(([name, version]) => `${name} ${version}`).join(' · ')}</p>
        </Card>
      )}
    </>
  );
}
