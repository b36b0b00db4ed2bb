/**
 * @file A session: agents side by side in copies of one world, each with a stream, a memory and a task of its own. It is deterministic: equal
 * setups, edits and steps give equal sessions, in a page as in Node, so a link restores one. Shape key: M latents, D width, P numbers of a
 * distribution over actions.
 */

import {
  type AgentMemory,
  type Belief,
  type LoadedPolicy,
  type ModelDescription,
  type Probe,
  readBeliefs,
} from '../../../src/policy/index.ts';
import {
  type Actions,
  chooseActions,
  type EnvFamily,
  newActions,
  type PastSteps,
  type Policy,
  type Scene,
  type Task,
  type VectorEnv,
} from '../../../src/rl/index.ts';
import { source, sourcePolicy } from '../../../src/sources/index.ts';
import { Random } from '../../../src/util/random.ts';
import { type World, worldOf } from './worlds.ts';

/** What a session begins with. */
export interface Setup {
  /** Id of the world, and options of its environment. */
  readonly world: string;
  readonly options?: Readonly<Record<string, unknown>>;
  /** The agents: `you`, `source`, `random`, or the name of a model. */
  readonly agents: readonly string[];
  /** Seed of everything that is drawn. */
  readonly seed: number;
}

/** Something that a person does to one agent, before its step `at`. */
export type Edit = { readonly lane: number; readonly at: number } & EditKind;

/** What can be done. */
export type EditKind =
  /** Move something of the world to a cell. */
  | { readonly kind: 'move'; readonly role: string; readonly cell: readonly [number, number] }
  /** Clear the memory. */
  | { readonly kind: 'wipe' }
  /** Keep Z as it is now, or let it change again. */
  | { readonly kind: 'freeze'; readonly on: boolean }
  /** Exchange the memory with another agent of the same model. */
  | { readonly kind: 'exchange'; readonly other: number }
  /** Set one number of Z. */
  | { readonly kind: 'latent'; readonly index: number; readonly value: number }
  /** The action of `you`. */
  | { readonly kind: 'act'; readonly action: number };

/** One agent as a page shows it. */
export interface LaneView {
  readonly agent: string;
  /** Steps since the beginning. */
  readonly steps: number;
  /** Complete episodes, and steps of the running one. */
  readonly episode: number;
  readonly step: number;
  readonly task: Task;
  readonly scene?: Scene;
  /** What the curve shows: returns of complete episodes, or what was counted in complete windows of calls. */
  readonly scores: readonly number[];
  /** The score of the running episode or window. */
  readonly running: number;
  /** [P] the distribution of the latest action, and the action. */
  readonly probabilities: readonly number[];
  readonly action: number;
  /** [M · D] Z, if it carries one, and its shape. */
  readonly latents?: Float32Array;
  readonly latentShape?: readonly [M: number, D: number];
  /** Z after each of the latest segments, and the number of segments before the first of them. */
  readonly trail: readonly Float32Array[];
  readonly dropped: number;
  readonly frozen: boolean;
  /** [M · G] the codes of a discrete Z, and what they are. */
  readonly codes?: Uint16Array;
  readonly alphabet?: ModelDescription['codes'];
  /** Where Z says that things are, for a model with a probe. */
  readonly beliefs?: readonly Belief[];
  /** [cells][P] what it would do in each cell by its memory alone, empty where nobody acts; present if asked for. */
  readonly field?: readonly (readonly number[])[];
  /** Where its latest action attended; present for the agent that is looked at, if its model says so. */
  readonly attention?: Attention;
}

/** Cross-attention of one action. */
export interface Attention {
  /** The layers that attend, counted from 0. */
  readonly layers: readonly number[];
  /** [layers][M] mean weights over heads of every latent. */
  readonly latents: readonly (readonly number[])[];
  /** [layers] what other tokens (a prompt, retrieved contexts) have together. */
  readonly others: readonly number[];
}

/** What is computed for one agent alone. */
export interface Look {
  readonly lane: number;
  /** Whether its field is. */
  readonly field: boolean;
}

/** Opens a model by its name, acting in one environment. */
export type OpenModel = (name: string) => Promise<Player>;

/** What is kept of Z for the picture through time, at most. */
const TRAIL = { segments: 120, numbers: 100_000 };

const noSteps = () => ({ observation: [] as number[], action: [] as number[], reward: [] as number[] });

/** Where memory can be read and replaced. */
type Remembering = Pick<LoadedPolicy, 'forget' | 'memory' | 'setMemory' | 'attention'>;

/** Who acts: a model, with a second copy that is asked what it would do elsewhere, or something else. */
export interface Player {
  readonly policy: Policy & Partial<Remembering>;
  /** Transitions of a segment, after which Z changes. */
  readonly segment: number;
  readonly latentShape?: readonly [M: number, D: number];
  readonly codes?: ModelDescription['codes'];
  readonly attention?: ModelDescription['attention'];
  readonly probe?: Probe;
  readonly scout?: LoadedPolicy;
  /** Whether it takes the most likely action, not one that is drawn. */
  readonly greedy?: boolean;
}

/** One agent in its copy of the world. */
class Lane {
  readonly agent: string;
  task: Task;
  steps = 0;
  readonly #world: World;
  readonly #player: Player;
  readonly #policy: Player['policy'];
  readonly #random: Random;
  /** Everything random about the world. */
  readonly #environment: Random;
  #env: VectorEnv;
  #observation: Float32Array;
  #past = noSteps();
  #scores: number[] = [];
  #running = 0;
  #episode = 0;
  #sinceSegment = 0;
  #latents?: Float32Array;
  #codes?: Uint16Array;
  #trail: Float32Array[] = [];
  #dropped = 0;
  #frozen?: AgentMemory;
  #last = { probabilities: [] as number[], action: -1 };

  constructor(
    agent: string,
    world: World,
    player: Player,
    { task, random, environment }: { task: Task; random: Random; environment: Random },
  ) {
    this.agent = agent;
    this.task = task;
    this.#world = world;
    this.#player = player;
    this.#policy = player.policy;
    this.#random = random;
    this.#environment = environment;
    this.#policy.reset(1);
    this.#env = world.family.make([task], environment);
    this.#observation = this.#env.reset().slice();
    const { latentShape } = player;
    if (latentShape) this.#latents = new Float32Array(latentShape[0] * latentShape[1]);
  }

  /** Takes one step; `you` with the given action. */
  async step(given?: number): Promise<void> {
    const { family, window, next: nextTask } = this.#world;
    const observation = this.#observation;
    const probabilities = await this.#policy.act(observation);
    const action: Actions = newActions(family.actionSpace, 1);
    if (given === undefined) action.set(chooseActions(probabilities, this.#policy.actions, this.#random, this.#player.greedy));
    else action[0] = given;
    this.#last = { probabilities: [...probabilities], action: action[0] };
    const { reward, terminated, truncated, finalObservation, executed, observation: next } = this.#env.step(action);
    const feedback = { observation, action: executed ?? action, reward, nextObservation: finalObservation, terminated, truncated };
    await this.#policy.observe(feedback);
    this.steps++;
    this.#running += family.outcome && window ? family.outcome.of(feedback, 0) : reward[0];
    const ended = terminated[0] === 1 || truncated[0] === 1;
    // In a life, a drawing shows the running attempt.
    const attempt = ended || (family.attempt?.(next, 0) ?? false);
    if (attempt) this.#past = noSteps();
    else {
      this.#past.observation.push(...observation);
      this.#past.action.push(...feedback.action);
      this.#past.reward.push(reward[0]);
    }
    if (window ? this.steps % window === 0 : ended) {
      this.#scores.push(this.#running);
      this.#running = 0;
    }
    if (ended) this.#episode++;
    this.#observation = next.slice();
    this.#sinceSegment++;
    if (ended || this.#sinceSegment === this.#player.segment) await this.#endSegment();
    if (ended && nextTask) this.#live(nextTask(this.task, this.#environment.split('task', this.#episode)));
  }

  /** Begins a life of its own: an episode of this task, with no memory but a frozen one. */
  #live(task: Task): void {
    const { family } = this.#world;
    this.task = task;
    this.#env = family.make([task], this.#environment.split('life', this.#episode));
    this.#observation = this.#env.reset().slice();
    [this.#past, this.#running, this.#sinceSegment] = [noSteps(), 0, 0];
    this.#policy.forget?.(0);
    if (this.#frozen) this.#policy.setMemory?.(0, this.#frozen);
    else if (this.#latents) this.#latents = new Float32Array(this.#latents.length);
  }

  async #endSegment(): Promise<void> {
    this.#sinceSegment = 0;
    const { memory, setMemory } = this.#policy;
    if (!this.#latents || !memory || !setMemory) return;
    const now = await memory(0);
    if (this.#frozen) setMemory(0, this.#frozen);
    this.#show(this.#frozen ?? now);
  }

  /** Records a Z that a segment left. */
  #show({ latents, codes }: AgentMemory): void {
    if (!latents) return;
    [this.#latents, this.#codes] = [latents, codes];
    this.#trail.push(latents);
    if (this.#trail.length <= Math.min(TRAIL.segments, TRAIL.numbers / latents.length)) return;
    this.#trail.shift();
    this.#dropped++;
  }

  /** Gives it another task. What it knows and where it is stay, unless every episode is a life of its own. */
  setTask(task: Task): void {
    if (this.#world.next) this.#live(task);
    else this.#env.setTask!(0, task);
    this.task = task;
  }

  /** Clears the memory. */
  wipe(): void {
    this.#policy.forget?.(0);
    this.#sinceSegment = 0;
    this.#frozen = undefined;
    this.#codes = undefined;
    if (this.#latents) this.#latents = new Float32Array(this.#latents.length);
  }

  /** Keeps Z as it is, or lets it change again. */
  async freeze(on: boolean): Promise<void> {
    this.#frozen = on ? await this.#policy.memory?.(0) : undefined;
  }

  /** What it remembers; undefined for an agent without a memory that can be read. */
  async memory(): Promise<AgentMemory | undefined> {
    return this.#policy.memory?.(0);
  }

  /** Continues with this memory. */
  async remember(memory: AgentMemory): Promise<void> {
    this.#policy.setMemory?.(0, memory);
    if (this.#frozen) this.#frozen = memory;
    this.#latents = memory.latents?.slice() ?? this.#latents;
    this.#codes = memory.codes;
  }

  /** [cells][P] what it would do in each cell by its memory alone: as if an episode began there. */
  async field(): Promise<number[][] | undefined> {
    const { moved } = this.#world;
    const { scout } = this.#player;
    const scene = this.scene();
    if (!moved || !scout || scene?.kind !== 'grid') return undefined;
    scout.reset(1);
    const memory = await this.memory();
    if (memory?.latents) scout.setMemory(0, memory);
    const field: number[][] = [];
    // What is acted on twice counts once: every call is the first of an episode.
    for (let cell = 0; cell < scene.columns * scene.rows; cell++) {
      const seen = moved(this.#observation, [cell % scene.columns, Math.floor(cell / scene.columns)], scene);
      field.push(seen ? [...(await scout.act(seen))] : []);
    }
    return field;
  }

  /** Where the latest action attended. */
  async attention(): Promise<Attention | undefined> {
    const { attention, latentShape } = this.#player;
    if (!attention || !latentShape || !this.#policy.attention || this.steps === 0) return undefined;
    const { layers, heads, tokens } = attention;
    const weights = await this.#policy.attention();
    const mean = (layer: number, token: number) => {
      let sum = 0;
      for (let head = 0; head < heads; head++) sum += weights[(layer * heads + head) * tokens + token];
      return sum / heads;
    };
    const [M] = latentShape;
    const latents = layers.map((_, l) => Array.from({ length: M }, (_, m) => mean(l, m)));
    return { layers, latents, others: latents.map(row => Math.max(0, 1 - row.reduce((a, b) => a + b, 0))) };
  }

  /** Whether its drawing has this cell. */
  has([column, row]: readonly [number, number]): boolean {
    const scene = this.scene();
    return scene?.kind !== 'grid' || (column < scene.columns && row < scene.rows);
  }

  scene(): Scene | undefined {
    const { family } = this.#world;
    return family.render?.(this.task, this.#observation, this.#past as PastSteps);
  }

  view(looked: Pick<LaneView, 'field' | 'attention'> = {}): LaneView {
    const { probe, codes, latentShape } = this.#player;
    return {
      agent: this.agent,
      steps: this.steps,
      episode: this.#episode,
      step: this.#past.reward.length,
      task: this.task,
      scene: this.scene(),
      scores: [...this.#scores],
      running: this.#running,
      ...this.#last,
      latents: this.#latents,
      latentShape,
      codes: this.#codes,
      alphabet: codes,
      beliefs: probe && this.#latents && readBeliefs(probe, this.#latents),
      trail: [...this.#trail],
      dropped: this.#dropped,
      frozen: this.#frozen !== undefined,
      ...looked,
    };
  }
}

/** Agents side by side. */
export class Session {
  readonly setup: Setup;
  readonly world: World;
  /** Everything that was done so far, in order. */
  readonly edits: Edit[] = [];
  readonly #lanes: readonly Lane[];

  private constructor(setup: Setup, world: World, lanes: readonly Lane[]) {
    this.setup = setup;
    this.world = world;
    this.#lanes = lanes;
  }

  /**
   * Opens a session.
   *
   * @param open opens the models among its agents.
   * @throws {CadenzaError} if a model cannot be opened, or is of another world.
   */
  static async open(setup: Setup, open: OpenModel): Promise<Session> {
    const world = worldOf(setup.world, setup.options);
    const root = Random.seeded(setup.seed);
    const task = world.draw(root.split('task'));
    const lanes = setup.agents.map(async (agent, i) => {
      const random = root.split('lane', i);
      const player = await playerOf(agent, world, { task, random: random.split('agent'), open });
      return new Lane(agent, world, player, { task, random: random.split('actions'), environment: root.split('environment') });
    });
    return new Session(setup, world, await Promise.all(lanes));
  }

  /** Numbers of steps of the agents. */
  get steps(): readonly number[] {
    return this.#lanes.map(({ steps }) => steps);
  }

  /** Lets every agent but `you` take one step. */
  async step(): Promise<void> {
    for (const lane of this.#lanes) if (lane.agent !== 'you') await lane.step();
  }

  /** Does something to one agent now. */
  async edit(lane: number, what: EditKind): Promise<void> {
    const target = this.#lanes[lane];
    if (!target || (what.kind === 'move' && !target.has(what.cell))) return;
    if (what.kind === 'act' && (target.agent !== 'you' || !(what.action in this.world.actions))) return;
    this.edits.push({ lane, at: target.steps, ...what });
    switch (what.kind) {
      case 'move': {
        const task = this.world.places.find(({ role }) => role === what.role)?.moved(target.task, what.cell) ?? target.task;
        if (task !== target.task) target.setTask(task);
        break;
      }
      case 'wipe':
        target.wipe();
        break;
      case 'freeze':
        await target.freeze(what.on);
        break;
      case 'exchange': {
        const other = this.#lanes[what.other];
        const [mine, theirs] = [await target.memory(), await other?.memory()];
        if (!mine || !theirs || other.agent !== target.agent) break;
        await target.remember(theirs);
        await other.remember(mine);
        break;
      }
      case 'latent': {
        const memory = await target.memory();
        // A link may have any number.
        if (!memory?.latents || !(what.index in memory.latents) || !Number.isFinite(Math.fround(what.value))) break;
        const changed = (values: Float32Array | undefined) => values?.with(what.index, what.value);
        await target.remember({ ...memory, codes: undefined, latents: changed(memory.latents), state: changed(memory.state) });
        break;
      }
      case 'act':
        await target.step(what.action);
        break;
    }
  }

  /**
   * Goes to where each agent has taken so many steps, doing on the way what was done before.
   *
   * @param edits in the order in which they were done.
   * @param onStep called after each step with the share that is done, and with the number of steps that are left. Steps of `you` count if
   * nobody else is there.
   */
  async replay(steps: readonly number[], edits: readonly Edit[], onStep?: (share: number, left: number) => unknown): Promise<void> {
    const alone = this.#lanes.every(({ agent }) => agent === 'you');
    const total = alone
      ? edits.filter(({ kind }) => kind === 'act').length
      : Math.max(0, ...this.#lanes.map(({ agent }, i) => (agent === 'you' ? 0 : (steps[i] ?? 0))));
    let taken = 0;
    const tick = async () => {
      taken++;
      await onStep?.(taken / total, total - taken);
    };
    const waiting = [...edits];
    const due = async () => {
      while (waiting.length > 0 && (this.#lanes[waiting[0].lane]?.steps ?? 0) >= waiting[0].at) {
        const { lane, at: _, ...what } = waiting.shift()!;
        await this.edit(lane, what);
        if (alone && what.kind === 'act') await tick();
      }
    };
    await due();
    while (!alone && taken < total) {
      await this.step();
      await due();
      await tick();
    }
  }

  /** The agents as a page shows them, with what is computed for one of them alone. */
  async view(look?: Look): Promise<LaneView[]> {
    const at = look && this.#lanes[look.lane];
    const looked = at && { attention: await at.attention(), field: look.field ? await at.field() : undefined };
    return this.#lanes.map(lane => lane.view(lane === at ? looked : undefined));
  }
}

/** The agents before their first step, where things have been moved, without their models: what can be shown while these are loaded. */
export async function sketch(setup: Setup, edits: readonly Edit[] = []): Promise<LaneView[]> {
  const { agents } = setup;
  const session = await Session.open({ ...setup, agents: agents.map(() => 'random') }, () => Promise.reject());
  await session.replay(
    [],
    edits.filter(({ kind, at }) => kind === 'move' && at === 0),
  );
  return (await session.view()).map((view, i) => ({ ...view, agent: agents[i] }));
}

/** An agent of a session by its name. */
async function playerOf(
  agent: string,
  { family, source: distilled }: World,
  { task, random, open }: { task: Task; random: Random; open: OpenModel },
): Promise<Player> {
  const segment = family.horizon;
  if (agent === 'you' || agent === 'random') return { policy: learning(family, 'random', random, task), segment };
  if (agent === 'source') return { policy: learning(family, distilled, random, task), segment };
  return open(agent);
}

const learning = (family: EnvFamily, id: string, random: Random, task: Task) =>
  sourcePolicy({ family, tasks: [task], source: source(id), random });
