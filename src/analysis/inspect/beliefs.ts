/** @file What can be known at a moment: the beliefs of a new learner of the experiment's source that observed what the agent did until then. */

import type { Factor, Recording, Task } from '../../rl/index.ts';
import { type Learner, observe, source } from '../../sources/index.ts';
import { Random } from '../../util/random.ts';
import type { Subject } from './subject.ts';

type Observed = {
  readonly config: { readonly source: Pick<Subject['config']['source'], 'id' | 'dataset' | 'options'> };
  readonly model: Pick<Subject['model'], 'family'>;
  readonly options: Pick<Subject['options'], 'seed'>;
};

/** A new learner of the source; undefined for imported histories and sources that cannot observe. */
function newLearner({ config, model, options }: Observed, task: Task): Learner | undefined {
  const { id, dataset, options: given } = config.source;
  const from = source(id);
  if (dataset !== undefined || !('learner' in from)) return undefined;
  return from.learner(model.family, task, Random.seeded(options.seed).split('inspect', 'beliefs'), given);
}

/** The beliefs that learners of the source have. */
export const beliefsOf = (subject: Observed & Pick<Subject, 'tasks'>): readonly Factor[] =>
  newLearner(subject, subject.tasks.train[0])?.beliefs ?? [];

/** [moments][beliefs] the values of the beliefs of a learner that observed a stream until each moment; `ends` has the calls until then. */
export function believedAt(subject: Observed, stream: Recording, ends: readonly number[]): (readonly number[])[][] {
  const learner = newLearner(subject, stream.task);
  const { beliefs = [] } = learner ?? {};
  const values = () => beliefs.map(({ value }) => value());
  if (!learner || beliefs.length === 0) return ends.map(() => []);
  const known = new Map<number, (readonly number[])[]>();
  observe(learner, stream.history({ taskKey: '', stream: '' }), (_, t) => {
    if (ends.includes(t)) known.set(t, values());
  });
  known.set(stream.length, values());
  return ends.map(end => known.get(end)!);
}
