/** @file A race, live: the rungs with what every network reached, who continued, where children come from, score against cost, the verdict. */

import { useEffect, useState } from 'preact/hooks';
import { rangeOf } from '../../../src/base/lists.ts';
import type { Candidate } from '../../../src/ladder/candidate.ts';
import { formatCount, formatNumber, formatShare } from '../format.ts';
import { Scatter } from '../parts/scatter.tsx';
import { Card, Empty, Failed, Loading } from '../parts/states.tsx';
import { useLoaded } from '../parts/useLoaded.ts';
import { type Answers, finishedOf, latestScores, type RaceFile, type RaceRung, rungsOfRace } from '../race.ts';
import { addressOf, fetchJson, type LoadedRun } from '../state.ts';

/** Milliseconds between looks at the files of a race that is running. */
const PAUSE = 5000;

/** What is shown of `verdict.json`. */
interface VerdictFile {
  readonly chosen?: string;
  readonly best?: string;
  readonly handMade?: string;
  readonly probability?: number;
  readonly estimates?: readonly {
    readonly candidate: Candidate;
    readonly heldOut?: number;
    readonly reported?: number;
    readonly interval?: readonly number[];
  }[];
}

export function RaceView({ detail, events }: LoadedRun) {
  const { id, state } = detail.summary;
  const [look, setLook] = useState(0);
  useEffect(() => {
    if (state !== 'running') return;
    const timer = setInterval(() => setLook((now) => now + 1), PAUSE);
    return () => clearInterval(timer);
  }, [state]);
  const document = <Value,>(name: string) => fetchJson<Value>(addressOf(id, 'documents', name));
  const files = useLoaded(
    async () => ({
      race: await document<RaceFile>('race'),
      candidates: (await document<Candidate[]>('candidates')) ?? [],
      answers: (await document<Answers>('answers')) ?? {},
      verdict: await document<VerdictFile>('verdict'),
    }),
    `${id} ${look} ${events.length} ${state}`,
  );
  if (files.state === 'loading') return <Loading what="the race" />;
  if (files.state === 'failed') return <Failed message={files.message} />;
  if (files.state === 'missing' || files.value.race === undefined)
    return (
      <Empty title="The race has no plan yet">
        <p>It times some steps of some networks first; the plan is there in a minute or two.</p>
      </Empty>
    );
  const { race, candidates, answers, verdict } = files.value;
  // Races of earlier versions recorded no children: those that were finalists are in the verdict.
  const finalists = verdict?.estimates ?? [];
  const known = [...race.candidates, ...candidates, ...finalists.map(({ candidate }) => candidate)];
  const rungs = rungsOfRace(race, known, answers);
  const finished = finishedOf(answers);
  const points = latestScores(rungs).map(({ id: own, candidate, score, steps }) => ({
    ...{ id: own, name: own, score, cost: candidate.cost.multiplyAdds, group: `after ${steps} steps` },
  }));
  return (
    <>
      {verdict && <Verdict verdict={verdict} />}
      <Finalists estimates={finalists} />
      {rungs.map((rung, i) => (
        <Rung key={rung.steps} rung={rung} index={i} />
      ))}
      <Card title="Finish">
        <p>
          {finished.length} of {race.plan.finalists * race.plan.seeds} trainings ended: the best {race.plan.finalists}{' '}
          networks, among them the best hand-made one, with {race.plan.seeds} seeds each, {race.plan.steps} steps.
        </p>
        <p class="quiet">{[...new Set(finished.map(({ id: own }) => own))].join(', ')}</p>
      </Card>
      {points.length > 0 && (
        <Card title="Score on held-out samples against cost">
          <Scatter points={points} label="multiply-adds" format={formatCount} />
        </Card>
      )}
    </>
  );
}

/** The front of the finalists: equal trainings, scored on the validation split. Nothing before the verdict. */
function Finalists({ estimates }: { estimates: NonNullable<VerdictFile['estimates']> }) {
  const points = estimates.flatMap(({ candidate, reported, interval }) => {
    if (typeof reported !== 'number') return [];
    const [low, high] = interval ?? [];
    const { id, cost } = candidate;
    return [
      {
        ...{ id, name: `${id} ${candidate.name}`, score: reported, cost: cost.multiplyAdds, group: 'finalists' },
        ...(typeof low === 'number' && typeof high === 'number' ? { bounds: [low, high] as const } : {}),
      },
    ];
  });
  if (points.length === 0) return null;
  return (
    <Card title="Reported score of the finalists against cost">
      <Scatter points={points} label="multiply-adds" format={formatCount} />
      <p class="quiet">Bars are 95 % intervals over samples and seeds.</p>
    </Card>
  );
}

const originOf = ({ origin, parents, change }: Candidate): string =>
  parents && parents.length > 0 ? `of ${parents.join(' and ')}${change ? `: ${change}` : ''}` : origin;

function Rung({ rung, index }: { rung: RaceRung; index: number }) {
  const { steps, planned, runners } = rung;
  const best = rangeOf([0.01, ...runners.map(({ score }) => score ?? 0)])[1];
  return (
    <Card title={`Rung ${index + 1}: ${runners.length} of ${planned} networks judged, after ${steps} steps`}>
      {runners.length === 0 ? (
        <p class="quiet">It has not begun.</p>
      ) : (
        <div class="scroll">
          <table class="numbers" aria-label={`rung ${index + 1}`}>
            <thead>
              <tr>
                <th scope="col" class="text">
                  network
                </th>
                <th scope="col" class="text wide">
                  origin
                </th>
                <th scope="col">held-out score</th>
                <th scope="col" class="wide">
                  loss
                </th>
                <th scope="col" class="wide">
                  multiply-adds
                </th>
                <th scope="col" class="text">
                  then
                </th>
              </tr>
            </thead>
            <tbody>
              {runners.map(({ id, candidate, score, loss, continues }) => (
                <tr key={id} class={continues === false ? 'out' : ''}>
                  <th scope="row" class="text folded">
                    {id} <span class="quiet">{candidate?.name}</span>
                  </th>
                  <td class="text wide folds">{candidate && originOf(candidate)}</td>
                  <td>
                    {score === null ? 'diverged' : formatShare(score, 1)}
                    <span class="score-track">
                      <i class="score-bar" style={`width: ${(60 * (score ?? 0)) / best}px`} />
                    </span>
                  </td>
                  <td class="wide">{formatNumber(loss)}</td>
                  <td class="wide">{formatCount(candidate?.cost.multiplyAdds)}</td>
                  <td class="text">{continues === undefined ? '' : continues ? 'continues' : 'out'}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Card>
  );
}

function Verdict({ verdict }: { verdict: VerdictFile }) {
  const { chosen, best, handMade, probability, estimates = [] } = verdict;
  return (
    <Card title="Verdict">
      <p>
        Returned: <b>{chosen}</b>
        {chosen === handMade ? ', made by hand.' : '.'}{' '}
        {probability !== undefined && best !== undefined && handMade !== undefined && (
          <>
            {best} is better than {handMade}, the best one made by hand, with a probability of {probability.toFixed(2)}.
          </>
        )}
      </p>
      <div class="scroll">
        <table class="numbers" aria-label="finalists">
          <thead>
            <tr>
              <th scope="col" class="text">
                network
              </th>
              <th scope="col">held out</th>
              <th scope="col">reported</th>
              <th scope="col">95 %</th>
            </tr>
          </thead>
          <tbody>
            {estimates.map(({ candidate, heldOut, reported, interval }) => (
              <tr key={candidate.id}>
                <th scope="row" class="text">
                  {candidate.id} <span class="quiet">{candidate.name}</span>
                </th>
                <td>{formatShare(heldOut, 1)}</td>
                <td>{formatShare(reported, 1)}</td>
                <td>{interval ? `${formatShare(interval[0], 1)} to ${formatShare(interval[1], 1)}` : '–'}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Card>
  );
}
