/** @file What the page of browser.test.ts does. Node imports the same `play` and hands it another executor. */

import { webExecutor } from '../../src/engine/executors/web.ts';
import type { Executor } from '../../src/engine/index.ts';
import { environment } from '../../src/envs/index.ts';
import { rollout } from '../../src/play/index.ts';
import { type LoadRequest, loadPolicy } from '../../src/policy/index.ts';
import type { Task } from '../../src/rl/index.ts';
import { Random } from '../../src/util/random.ts';

export type ModelFiles = Omit<LoadRequest, 'executor'>;

export interface Game {
  readonly tasks: readonly Task[];
  readonly episodes: number;
  readonly seed: number;
}

/** Everything that an agent did, step after step and task after task. Plain lists, so that a page can send them. */
export interface Played {
  actions: number[];
  /** [steps × A] flattened. */
  probabilities: number[];
  /** Return of every episode. */
  returns: number[];
}

/** Learns every task in context, with nothing remembered from one task to the next. */
export async function play(files: ModelFiles, executor: Executor, { tasks, episodes, seed }: Game): Promise<Played> {
  const { id, options } = files.description.env;
  const family = environment(id, options);
  const policy = await loadPolicy({ ...files, executor });
  const played: Played = { actions: [], probabilities: [], returns: [] };
  for (const task of tasks) {
    const { returns } = await rollout({
      family,
      tasks: [task],
      episodes,
      random: Random.seeded(seed).split(family.taskKey(task)),
      policy: {
        ...policy,
        async act(observation) {
          const probabilities = await policy.act(observation);
          played.probabilities.push(...probabilities);
          return probabilities;
        },
        async observe(feedback) {
          played.actions.push(...feedback.action);
          await policy.observe(feedback);
        },
      },
    });
    played.returns.push(...returns);
  }
  await policy.dispose();
  return played;
}

/** Fetches an export from a folder of the server and plays it with the page's own runtime, whose files lie at `baseUrl` or where the bundler put them. */
export async function playInPage(folder: string, game: Game, baseUrl?: string): Promise<Played> {
  const read = async (name: string) => new Uint8Array(await (await fetch(`${folder}/${name}`)).arrayBuffer());
  const description = await (await fetch(`${folder}/model.json`)).json();
  const compress = description.latentShape ? await read('compress.onnx') : undefined;
  const executor = webExecutor({ threads: 1, baseUrl: baseUrl && new URL(baseUrl, document.baseURI).href });
  return play({ description, compress, act: await read('act.onnx') }, executor, game);
}

if (typeof document !== 'undefined') Object.assign(globalThis, { playInPage });
