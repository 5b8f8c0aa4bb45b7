/** @file The data of a run: classes with their shares, sizes, and what is wrong with it. */
import { rangeOf } from '../../../src/base/lists.ts';
import type { DataFile, DataGlance } from '../../../src/run/dataFile.ts';
import { formatShare } from '../format.ts';
import { Card, Empty, Failed, Loading, Tiles } from '../parts/states.tsx';
import { useLoaded } from '../parts/useLoaded.ts';
import { fetchDocument, type LoadedRun } from '../state.ts';

/** More sizes are only counted. */
const MOST_SIZES = 12;

export function DataSetView({ detail }: LoadedRun) {
  const data = useLoaded(() => fetchDocument<DataFile>(detail, 'data'), String(detail.documents.includes('data')));
  if (data.state === 'loading') return <Loading what="the data" />;
  if (data.state === 'failed') return <Failed message={data.message} />;
  if (data.state === 'missing')
    return (
      <Empty title="Nothing known of the data">
        <p>The run has no data.json; it is written when a search or a training starts.</p>
      </Empty>
    );
  const { name, layout, classes, regions, samples, report } = data.value;
  const largest = rangeOf(report?.classShares ?? [1])[1];
  return (
    <>
      <Card>
        <Tiles
          tiles={[
            ['data', name, layout],
            ['classes', String(classes.length), regions && `${regions.length} regions`],
            ['to train', samples.train.toLocaleString('en')],
            ['to validate', samples.val.toLocaleString('en')],
            ...(report
              ? [
                  ['read', String(report.counts.train.read + report.counts.val.read), 'at the start'] as [
                    string,
                    string,
                    string,
                  ],
                ]
              : []),
          ]}
        />
      </Card>
      <Card title={report ? 'Share of the training pixels' : 'Classes'}>
        <ul class="shares">
          {classes.map((entry, id) => (
            <li key={entry.name}>
              <span class="swatch" style={{ background: `rgb(${entry.colour.join(' ')})` }} />
              <span class="ellipsis">{entry.name}</span>
              {report && (
                <>
                  <span class="track">
                    <i
                      style={{
                        width: `${(100 * report.classShares[id]) / largest}%`,
                        background: `rgb(${entry.colour.join(' ')})`,
                      }}
                    />
                  </span>
                  <output>{formatShare(report.classShares[id])}</output>
                </>
              )}
            </li>
          ))}
        </ul>
        {report && <p class="quiet">{formatShare(report.ignoredShare)} of the pixels are ignored.</p>}
      </Card>
      {regions && <Regions {...data.value} />}
      {report && (
        <>
          <Card title="Problems">
            {report.problems.length === 0 ? (
              <p class="quiet">None in the samples that were read. To read all: espalier data check</p>
            ) : (
              <ul class="problems">
                {report.problems.map(({ severity, file, message, fix }) => (
                  <li key={`${file} ${message}`}>
                    <span class={`state ${severity === 'error' ? 'failed' : 'stopped'}`}>{severity}</span>{' '}
                    <code>{file}</code> {message}
                    <span class="quiet">; {fix}</span>
                  </li>
                ))}
              </ul>
            )}
          </Card>
          {report.sizes && <Sizes sizes={report.sizes} />}
        </>
      )}
    </>
  );
}

/** What networks find instead of classes: sets of them, which may overlap. */
function Regions({ classes, regions = [], report }: DataFile) {
  return (
    <Card title="Regions">
      <ul class="plain">
        {regions.map(({ name, classes: ids }) => (
          <li key={name}>
            {name}{' '}
            <span class="quiet">
              {ids.map((id) => classes[id]?.name).join(', ')}
              {report && `; ${formatShare(ids.reduce((sum, id) => sum + report.classShares[id], 0))}`}
            </span>
          </li>
        ))}
      </ul>
    </Card>
  );
}

function Sizes({ sizes }: { sizes: NonNullable<DataGlance['sizes']> }) {
  return (
    <Card title="Sizes">
      <ul class="plain">
        {sizes.slice(0, MOST_SIZES).map(({ width, height, count }) => (
          <li key={`${width} ${height}`}>
            {width} × {height} <span class="quiet">({count})</span>
          </li>
        ))}
        {sizes.length > MOST_SIZES && <li class="quiet">{sizes.length - MOST_SIZES} more</li>}
      </ul>
    </Card>
  );
}
