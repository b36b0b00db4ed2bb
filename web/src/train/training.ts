/**
 * @file A training: histories of the source, steps, evaluations on held-out tasks, and the trained agent as files. The same parts as in
 * Node, so that the same seed gives the same losses; between steps it can wait as long as one likes.
 */

import { type Actor, openActor } from '../../../src/agent/experience.ts';
import { modelFiles } from '../../../src/agent/export.ts';
import { Model, PARTS } from '../../../src/agent/model.ts';
import { lossOf, Pass } from '../../../src/agent/terms.ts';
import { splitTasks } from '../../../src/data/split.ts';
import { type Executor, zeros } from '../../../src/engine/index.ts';
import { environment } from '../../../src/envs/index.ts';
import { partsOf, wantedHistories } from '../../../src/histories/wanted.ts';
import { BUFFERS, PARAMETERS, pack, packing } from '../../../src/optim/index.ts';
import { rollout } from '../../../src/play/rollout.ts';
import { oracleOf, type Task } from '../../../src/rl/index.ts';
import { generateHistories } from '../../../src/sources/index.ts';
import { historyBatches } from '../../../src/training/batches.ts';
import { prepareStage } from '../../../src/training/prepare.ts';
import { type CompiledStep, openStep, stepTaker, type TakenStep } from '../../../src/training/step.ts';
import { canonicalJson } from '../../../src/util/canonical.ts';
import { CadenzaError } from '../../../src/util/errors.ts';
import { Random } from '../../../src/util/random.ts';
import { portableSha256 } from '../../../src/util/sha256.ts';
import { experimentOf, type PageExperiment, type TrainedWorld } from './experiment.ts';
import { EPISODES } from './score.ts';
import type { TrainSettings } from './settings.ts';

/** Streams of each held-out task. */
const STREAMS = 5;

/** The loss: cross-entropy with the source's distribution over actions. */
const TERMS = [{ term: 'task', weight: 1 }];

/** A training that is ready for its next step. */
export class Training {
  readonly steps: number;
  /** Numbers that are learned. */
  readonly parameters: number;
  readonly train: readonly Task[];
  readonly heldOut: readonly Task[];
  /** Steps that were taken. */
  done = 0;
  readonly #config: PageExperiment;
  readonly #model: Model;
  readonly #given: ReadonlyMap<string, Float32Array>;
  readonly #step: CompiledStep;
  readonly #take: (done: number) => Promise<TakenStep>;
  readonly #actor: Actor;

  private constructor(of: {
    readonly config: PageExperiment;
    readonly model: Model;
    readonly given: ReadonlyMap<string, Float32Array>;
    readonly steps: number;
    readonly step: CompiledStep;
    readonly take: (done: number) => Promise<TakenStep>;
    readonly actor: Actor;
    readonly train: readonly Task[];
    readonly heldOut: readonly Task[];
  }) {
    this.#config = of.config;
    this.#model = of.model;
    this.#given = of.given;
    this.#step = of.step;
    this.#take = of.take;
    this.#actor = of.actor;
    this.steps = of.steps;
    this.train = of.train;
    this.heldOut = of.heldOut;
    this.parameters = of.step.state.layouts[PARAMETERS].size;
  }

  /**
   * Lets the source learn on the training tasks, and compiles the step.
   *
   * @param onHistories receives the share of the histories that are there.
   * @throws {CadenzaError} `E_CONFIG` for settings that do not fit together, `E_EXECUTOR` if the executor does not work here.
   */
  static async open(
    world: TrainedWorld,
    settings: TrainSettings,
    { executor, signal, onHistories }: { executor: Executor; signal: AbortSignal; onHistories?: (share: number) => void },
  ): Promise<Training> {
    const config = experimentOf(world, settings);
    const { optimizer, compressor, split, source } = config;
    const family = environment(config.env.id, config.env.options);
    const { train: all, test: heldOut } = splitTasks(family, split);
    const train = all.slice(0, source.maxTasks);
    const model = new Model(config, family);
    const total = train.length * source.histories;
    const histories = await generateHistories({
      ...wantedHistories(config, family, partsOf(config, family, train)),
      executor,
      signal,
      onProgress: done => onHistories?.(done / total),
    });
    const spec = {
      compressor,
      trains: [PARTS.compressor, PARTS.policy],
      build: (scope: Pass['scope'], batch: number) => lossOf(new Pass(model, scope, compressor, batch), TERMS),
    };
    const {
      step: request,
      batches,
      given,
    } = await prepareStage(
      {
        ...spec,
        batches: wanted => historyBatches({ model, config, seed: settings.seed, histories: () => histories }, spec, wanted),
      },
      // The stream of the stage `finetune`.
      { optimizer, random: Random.seeded(settings.seed).split('finetune'), signal },
    );
    const step = await openStep({ ...request, steps: settings.steps, optimizer, executor, signal });
    const layout = packing(request.frozen);
    const values = zeros([layout.size]);
    pack(layout, given, values.data as Float32Array);
    const { [PARAMETERS]: parameters, [BUFFERS]: buffers } = step.state.layouts;
    const actor = await openActor({
      model,
      compressorId: compressor,
      streams: STREAMS * heldOut.length,
      executor,
      layouts: { [PARAMETERS]: parameters, ...(buffers ? { [BUFFERS]: buffers } : {}) },
      frozen: { layout, values },
      critic: false,
    });
    const take = stepTaker(step, batches, []);
    return new Training({ config, model, given, steps: settings.steps, step, take, actor, train, heldOut });
  }

  /**
   * Takes the next step, and returns its loss.
   *
   * @throws {CadenzaError} `E_NUMERICS` if it is not finite.
   */
  async step(): Promise<number> {
    const { loss, gradientNorm } = (await this.#take(this.done)).numbers;
    this.done++;
    if (!Number.isFinite(loss) || !Number.isFinite(gradientNorm))
      throw new CadenzaError('E_NUMERICS', `The loss is ${loss} at step ${this.done}. Choose a smaller learning rate, and start again.`);
    return loss;
  }

  /** Plays held-out tasks with the weights as they are: the return of each episode, as a share of the oracle's. It changes nothing. */
  async evaluate(): Promise<number[]> {
    const { family } = this.#model;
    const oracle = oracleOf(family, 'A training');
    const tasks = this.heldOut.flatMap(task => new Array<Task>(STREAMS).fill(task));
    this.#actor.load(this.#step.state.current());
    const random = Random.seeded(this.#config.seed).split('evaluate', this.done);
    const { returns } = await rollout({ family, tasks, policy: this.#actor.policy, episodes: EPISODES, random });
    return Array.from({ length: EPISODES }, (_, e) => mean(tasks.map((task, i) => returns[i * EPISODES + e] / oracle(task))));
  }

  /** The agent as it is now, as files that the playground and `loadPolicy` read. */
  files(): Record<string, Uint8Array> {
    const config = this.#config;
    const trained = portableSha256(new TextEncoder().encode(canonicalJson({ ...config, steps: this.done })));
    // Numbers that come from the data, such as means of observations, are not trained.
    const weights = new Map([...this.#given, ...this.#step.state.weights()]);
    return modelFiles({ model: this.#model, config, compressorId: config.compressor, weights, trained });
  }

  async dispose(): Promise<void> {
    await this.#step.program.dispose();
    await this.#actor.dispose();
  }
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
