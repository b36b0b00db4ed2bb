/** @file The training stage of supervised experiments: compressor and predictor end to end, with a validation curve. */

import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { CHECKPOINT, MODEL_FILE, saveTensors } from '../../cache/checkpoint.ts';
import type { StageOutput, StageStore } from '../../cache/store.ts';
import type { SupervisedConfig } from '../../config/supervised.ts';
import type { Executor } from '../../engine/index.ts';
import { initialise, Scope } from '../../nn/index.ts';
import { PARAMETERS } from '../../optim/index.ts';
import { batchesFor } from '../../training/stage.ts';
import { train } from '../../training/trainer.ts';
import { Random } from '../../util/random.ts';
import type { SupervisedModel } from './model.ts';
import { exampleCounts, makeScorer, meansByCount } from './scorer.ts';
import { heldOutTasks, trainingStream, trainingTask } from './tasks.ts';

export interface SupervisedRun {
  readonly store: StageStore;
  readonly config: SupervisedConfig;
  readonly model: SupervisedModel;
  readonly executor: Executor;
}

/** A model to train: its name in the results, and what stands in the compressor's place. */
export interface SupervisedMethod {
  readonly method: string;
  readonly kind: string;
  readonly steps: number;
  readonly seed: number;
}

/** Trains a model, or gives the one that was trained before. */
export function trainSupervised(run: SupervisedRun, { method, kind, steps, seed }: SupervisedMethod): Promise<StageOutput> {
  const { store, config, model, executor } = run;
  const { problem, context: contexts, queries, optimiser, validation, evaluate } = config;
  return store.run({
    stage: `train-${method}-seed${seed}`,
    settings: {
      seed,
      kind,
      steps,
      problem,
      contexts,
      queries,
      optimiser,
      model: config.model,
      executor: config.executor,
      // They change no weight, but they are in the curve.
      validation: { ...validation, seed: config.seed, queries: evaluate.queries },
    },
    inputs: {},
    async run(context) {
      const scope = new Scope();
      const loss = model.loss(scope, kind, optimiser.batch, queries);
      const specs = [...scope.table.values()];
      const random = Random.seeded(seed).split('supervised', method);
      const batch = model.newBatch(optimiser.batch, queries);
      const stream = trainingStream(seed);
      const tasks = heldOutTasks(model.problem, config, 'validation');
      const counts = exampleCounts(config);
      const scorer = await makeScorer(model, kind, evaluate.queries, executor);
      const fill = (step: number) => {
        for (let b = 0; b < optimiser.batch; b++)
          model.write(batch, b, trainingTask(model.problem, stream, step * optimiser.batch + b, config));
      };
      const result = await train({
        title: `train ${method} (seed ${seed})`,
        loss,
        trainable: specs,
        given: initialise(specs, random.split('init')),
        steps,
        optimiser,
        batches: batchesFor({ outputs: { loss } }, { feeds: { ...batch }, fill }, scope.randoms.values(), random),
        probe: {
          every: validation.everySteps,
          async measure(state) {
            const means = meansByCount(await scorer.score(state[PARAMETERS], tasks, counts), counts.length);
            return Object.fromEntries(counts.map((count, i) => [count, Number(means[i].toPrecision(7))]));
          },
        },
        checkpointEvery: config.checkpoint.everySteps,
        executor,
        context,
      }).finally(scorer.dispose);
      const tensors = specs.map(({ name, shape }) => [name, { data: result.weights.get(name)!, shape }] as const);
      saveTensors(join(context.folder, MODEL_FILE), new Map(tensors), { stage: method, key: context.key });
      rmSync(join(context.folder, CHECKPOINT), { force: true });
      return {
        parameters: specs.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0),
        steps,
        loss: result.lastLoss,
        curve: validationCurve(context.folder),
        overhead: Number(result.overhead.toFixed(4)),
        sampling: Number(result.sampling.toFixed(4)),
      };
    },
  });
}

/** Validation scores by step. */
export interface ValidationCurve {
  readonly step: number[];
  /** Mean score with each number of examples, a column each. */
  readonly byExamples: Record<string, number[]>;
}

/** Reads the lines that the probe wrote among the metrics. */
function validationCurve(folder: string): ValidationCurve {
  const rows = readFileSync(join(folder, 'metrics.jsonl'), 'utf8')
    .split('\n')
    .filter(Boolean)
    .map(line => JSON.parse(line) as { step: number; validation?: Record<string, number> })
    .filter(row => row.validation);
  const counts = Object.keys(rows[0].validation!);
  return {
    step: rows.map(({ step }) => step),
    byExamples: Object.fromEntries(counts.map(count => [count, rows.map(({ validation }) => validation![count])])),
  };
}
