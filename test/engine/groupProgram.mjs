/** @file One rank of a group that does what its first argument says and prints what came of it as JSON. */
import { backward, gradientOf, requireGradient } from '../../dist/engine/autograd.js';
import { gatherBytes, joinGroup, placeInGroup } from '../../dist/engine/group.js';
import * as op from '../../dist/engine/operators.js';
import { fromArray } from '../../dist/engine/tensor.js';

const [what, patience = '30', silence = '2'] = process.argv.slice(2);
const place = placeInGroup(process.env);
const { rank, size } = place;
const own = (...numbers) => fromArray(numbers, [numbers.length]);
const say = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);

const programs = {
  async exchanges(group) {
    const [summed, largest, shared] = [own(rank + 1, 10), own(rank, -rank), own(rank + 5)];
    group.sum(summed).wait();
    await group.maximum(largest).done();
    group.broadcast(shared, size - 1).wait();
    const { parts, collective } = group.gather(own(rank, rank * rank));
    collective.wait();
    group.barrier().wait();
    // Begun together, waited for in the other order.
    const many = Array.from({ length: 5 }, (_, i) => own(rank + i));
    const begun = many.map((tensor) => group.sum(tensor));
    for (const each of begun.reverse()) each.wait();
    const texts = (await gatherBytes(group, Buffer.from('ä'.repeat(rank)))).map((bytes) =>
      Buffer.from(bytes).toString(),
    );
    const x = requireGradient(own(rank + 1));
    const total = group.summed(op.multiply(x, x));
    backward(op.sum(op.multiply(total, own(rank + 2))));
    const [used, factor, unused] = [own(1, 2), own(3, 4), own(5)].map((tensor) => requireGradient(tensor));
    const loss = op.scale(op.sum(op.multiply(used, factor)), rank + 1);
    const means = group.meanGradients(loss, [used, unused, factor], [own(10 * rank, 20), null, null], [1, 2]);
    say({
      means: means.map((mean) => mean?.numbers() ?? null),
      left: gradientOf(used),
      summed: summed.numbers(),
      largest: largest.numbers(),
      shared: shared.numbers(),
      gathered: parts.map((part) => part.numbers()),
      many: many.map((tensor) => tensor.item()),
      texts,
      total: total.item(),
      gradient: gradientOf(x).item(),
    });
  },
  async killed(group) {
    if (rank === 1) process.kill(process.pid, 'SIGKILL');
    group.sum(own(1)).wait();
  },
  async behind(group) {
    if (rank === 1) await new Promise((resolve) => setTimeout(resolve, 9000));
    await group.barrier().done();
  },
  async endless(group) {
    for (let i = 0; ; i++) {
      group.sum(own(1)).wait();
      if (i === 0) process.stderr.write('under way');
    }
  },
  async failing(group) {
    if (rank === 1) throw new Error('the reason');
    // Not in a collective when it happens.
    await new Promise((resolve) => setTimeout(resolve, 1000));
    group.sum(own(1)).wait();
  },
};

let group;
try {
  group = joinGroup(place, { patienceSeconds: Number(patience), silenceSeconds: Number(silence) });
  await programs[what](group);
  group.leave();
} catch (error) {
  group?.leave(error.message);
  say({ name: error.name, message: error.message, missing: error.missing });
  process.exitCode = 1;
}
