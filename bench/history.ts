/** @file The cost of an action as the history grows: recurrent CAD, whose state is only Z, versus AD with every transition as a token. */

import { costOf } from '../src/agent/cost.ts';
import { compileAgent } from '../src/agent/graphs.ts';
import { INFERENCE_INPUTS, Model, withWeights } from '../src/agent/model.ts';
import { agentGraphs, changeGraphs } from '../src/agent/steps.ts';
import { lossOf, Pass } from '../src/agent/terms.ts';
import { loadExperiment } from '../src/config/experiment.ts';
import { nodeExecutor } from '../src/engine/executors/node.ts';
import {
  attention,
  countFlops,
  type Executor,
  type Graph,
  input,
  optimize,
  softmax,
  type Tensor,
  toOnnx,
  zeros,
} from '../src/engine/index.ts';
import { openTasks } from '../src/histories/tasks.ts';
import { initialize, Scope } from '../src/nn/index.ts';
import { timedPlayer } from '../src/play/index.ts';
import { inContextPolicy, policyStates } from '../src/policy/index.ts';
import { listedTasks, type Policy } from '../src/rl/index.ts';
import { Random } from '../src/util/random.ts';
import type { Bench, Result } from './bench.ts';
import { median } from './training.ts';

const KIND = 'recurrent';
const LENGTHS = [100, 1_000, 10_000, 100_000];
/** Beyond this length, the attention scores alone take gigabytes. */
const TIMED = 1_000;
/** Number of segments over which actions are timed, for each length. */
const BLOCKS = 40;

/** Random weights, because the cost of an action does not depend on them. */
const withRandomWeights = (graph: Graph, scope: Scope): Graph =>
  optimize(withWeights(graph, initialize(scope.table.values(), Random.seeded(0)), INFERENCE_INPUTS));

/** Agents of the dark-room preset's size with the recurrent compressor, one for each of LENGTHS, and the FLOPs of their graphs. */
async function recurrentAgents(model: Model, executor: Executor) {
  const scope = new Scope();
  lossOf(new Pass(model, scope, KIND, 1), [{ term: 'task', weight: 1 }]);
  const graphs = changeGraphs(agentGraphs(model, KIND, { compress: 1, act: 1 }), graph => withRandomWeights(graph, scope));
  const compiled = await compileAgent(graphs, graph => executor.compile(toOnnx(graph)), { compress: 1, act: 1 });
  const { family, tokenizer } = model;
  const agents = LENGTHS.map(() => inContextPolicy({ family, tokenizer, context: graphs.context, ...compiled }));
  const { flopsPerAction, stateBytes, historyBytes } = costOf(model, KIND, graphs);
  return { agents, cost: { flopsPerAction, stateBytes, historyBytes } };
}

/** Returns a function that lets an agent play some steps and returns milliseconds per action, including compressions. */
function player({ family, segment }: Model, policy: Policy): (steps: number) => Promise<number> {
  const [task] = listedTasks(family, 'This benchmark');
  const play = timedPlayer({ family, task, policy, segment, random: Random.seeded(1) });
  return async steps => {
    const { first, later } = await play(steps);
    return [...first, ...later].reduce((sum, time) => sum + time, 0) / steps;
  };
}

/** Milliseconds per action after each of LENGTHS transitions, timed in turn so that other load affects all of them equally. */
async function timeAgents(model: Model, agents: readonly Policy[], say: (line: string) => void): Promise<Map<number, number>> {
  const players = agents.map(agent => player(model, agent));
  for (const [i, play] of players.entries()) {
    say(`recurrent: ${LENGTHS[i]} transitions …`);
    await play(LENGTHS[i]);
  }
  const times = LENGTHS.map((): number[] => []);
  for (let block = 0; block < BLOCKS; block++) for (const [i, play] of players.entries()) times[i].push(await play(model.segment));
  return new Map(LENGTHS.map((length, i) => [length, median(times[i])]));
}

const logitsOf = ({ policyOptions, head }: Model, scope: Scope, query: Tensor): Tensor =>
  head.outputs(scope.at('head'), policyStates(scope, query, undefined, policyOptions));

/** AD (Laskin et al. 2023) with CAD's policy: all transitions of the history are tokens of its query, without Z. */
function fullContext(model: Model, length: number): { graph: Graph; scope: Scope; tokens: number } {
  const scope = new Scope();
  const tokens = model.tokenizer.queryTokens(length + model.segment);
  const query = input('query', [1, tokens, model.tokenizer.query.width]);
  return { graph: { outputs: { probabilities: softmax(logitsOf(model, scope, query)) } }, scope, tokens };
}

/**
 * FLOPs of an action with a key-value cache: one token through the policy, which attends to the tokens of the running segment and of `length`
 * earlier transitions.
 */
function cachedFlops(model: Model, length: number): number {
  const { width, heads } = model.options;
  const logits = logitsOf(model, new Scope(), input('query', [1, 1, model.tokenizer.query.width]));
  const [q, kv] = [1, model.tokenizer.queryTokens(length + model.segment)].map(count =>
    input(`x${count}`, [1, heads, count, width / heads]),
  );
  return (
    countFlops({ outputs: { logits } }).total +
    model.policyOptions.layers * countFlops({ outputs: { out: attention(q, kv, kv).out } }).total
  );
}

async function timeFullContext(model: Model, executor: Executor, length: number): Promise<number> {
  const { graph, scope, tokens } = fullContext(model, length);
  const program = await executor.compile(toOnnx(withRandomWeights(graph, scope)));
  const feeds = { query: zeros([1, tokens, model.tokenizer.query.width]) };
  const times: number[] = [];
  for (let run = 0; run < 12; run++) {
    const began = performance.now();
    await program.run(feeds, ['probabilities']);
    if (run >= 2) times.push(performance.now() - began);
  }
  await program.dispose();
  return median(times);
}

export const history: Bench = {
  description: 'cost of an action after 100 to 100,000 transitions: recurrent CAD versus AD with the full context',
  async run(say) {
    const config = loadExperiment('experiments/dark-room.yaml', [
      `compressor=${KIND}`,
      'queries.perHistory=1',
      'queries.reconstructed=null',
    ]);
    const model = new Model(config, openTasks(config).family);
    const executor = nodeExecutor(config.executor);
    const { agents, cost } = await recurrentAgents(model, executor);
    const times = await timeAgents(model, agents, say);
    const recurrent: Record<string, Result> = {};
    const full: Record<string, Result> = {};
    for (const length of LENGTHS) {
      recurrent[length] = { ...cost, msPerAction: times.get(length)! };
      const flopsPerAction = countFlops(fullContext(model, length).graph).total;
      if (length <= TIMED) say(`full context: ${length} transitions …`);
      full[length] = {
        flopsPerAction,
        flopsPerActionCached: cachedFlops(model, length),
        stateBytes: 4 * fullContext(model, length).tokens * model.tokenizer.query.width,
        ...(length <= TIMED ? { msPerAction: await timeFullContext(model, executor, length) } : {}),
      };
    }
    const growth = times.get(LENGTHS.at(-1)!)! / times.get(LENGTHS[0])!;
    const below = (full[10_000].flopsPerAction as number) / cost.flopsPerAction;
    const belowCached = (full[10_000].flopsPerActionCached as number) / cost.flopsPerAction;
    return {
      recurrent,
      fullContext: full,
      // The graphs are the same for every length, so only the time could grow.
      growth: { time: growth, limit: 1.1, passes: growth <= 1.1 },
      belowFullContextAt10000: { flops: below, flopsCached: belowCached, least: 20, passes: below >= 20 },
    };
  },
};
