/**
 * @file How a policy calls the graph that acts: with the whole running segment every time (`wholeSegment`), or with the new tokens of a step
 * and a state of keys and values (`stepByStep`), at the same cost however long the segment is. Shape key: size environments, T query tokens,
 * F features, P tokens of a prompt, S new tokens of a step, H steps that a result holds.
 */

import { type Feeds, type HostTensor, type Program, sizeOf, zeros } from '../engine/index.ts';
import type { Transitions } from '../rl/index.ts';
import { type Past, stepsSeen, type Tokenizer } from '../tokenizers/index.ts';
import { CadenzaError, invariant } from '../util/errors.ts';

/** What the state of an agent that acts step by step holds, and how its graphs name it. */
export interface StepState {
  /** Place of the running segment's first token in self-attention; what precedes it is Z or a prompt. */
  readonly first: number;
  /** Shapes for one environment by name: `self.…` change with every step, `cross.…` are the same for a whole segment. */
  readonly state: Readonly<Record<string, readonly number[]>>;
}

/** Compiled begin.onnx and step.onnx in place of act.onnx. */
export interface StepProgram extends StepState {
  /**
   * Compiled begin.onnx, for `batch` environments at a time: `latents`, `retrieved`, `present` and `prompt`, as far as the model reads them →
   * the state that does not come from the segment itself; absent if there is none.
   */
  readonly begin?: { readonly program: Program; readonly batch: number };
}

/** Names of the state that step.onnx returns for the next step, with the prefix `next.`. */
export const changing = ({ state }: StepState): string[] => Object.keys(state).filter(name => name.startsWith('self.'));
/** Names of the state that begin.onnx returns. */
export const begun = ({ state, first }: StepState): string[] => Object.keys(state).filter(name => first > 0 || !name.startsWith('self.'));
/** Prefix of a changed part of the state among the outputs of step.onnx. */
export const NEXT = 'next.';

/** A way to call the graph that acts. */
export interface Acting {
  /** Number of steps that a result holds (H): row t % H is that of step t. */
  readonly steps: number;
  /** Forgets everything, prompts too. */
  reset(): void;
  /** Writes the prompts; see `InContextPolicy.prompt`. */
  prompt(shown: readonly (Transitions | undefined)[]): void;
  /** Writes what environment `i` sees at step `t` of its running segment, after its last transition. It may have been written before. */
  write(i: number, t: number, observation: Float32Array, past: Past): void;
  /** The running segment of environment `i` ended. */
  endSegment(i: number): void;
  /**
   * The memory of environment `i` changed during its segment. Where Z precedes the segment in self-attention, it is read when the next
   * segment begins.
   */
  reread(i: number): void;
  /** Where the latest action attended, [size, ..], by a graph with the inputs of the acting one; if it acts step by step. */
  attend?(attention: Program): Promise<HostTensor>;
  /** Runs the graph, with what the memory holds. */
  run(memory: Feeds, outputs: readonly string[]): Promise<Record<string, HostTensor>>;
}

/** What both ways need. */
export interface ActingRequest {
  readonly tokenizer: Tokenizer;
  readonly program: Program;
  /** Number of environments. */
  readonly size: number;
  /** Maximum number of steps of a segment. */
  readonly segment: number;
  /** Numbers of a distribution over actions. */
  readonly actions: number;
}

/** Writes prompts into rows of `out` whose first tokens are the prompt's. */
function writePrompts({ tokenizer, size }: ActingRequest, out: HostTensor, shown: readonly (Transitions | undefined)[]): void {
  if (!tokenizer.prompt)
    throw new CadenzaError('E_CONFIG', 'this model has no room for a prompt. Train one with policy.prompt, or use it without a prompt.');
  invariant(shown.length <= size, `this policy acts in ${size} environments at once, but got prompts for ${shown.length}.`);
  const data = out.data as Float32Array;
  const row = data.length / size;
  for (let i = 0; i < size; i++) {
    data.fill(0, i * row, i * row + tokenizer.prompt.tokens * tokenizer.query.width);
    const given = shown[i];
    if (given) tokenizer.prompt.write(data, i * row, given);
  }
}

/** Writes the tokens of a step into a row that starts at `row`; see `Tokenizer.writeQuery`. */
function writeStep(
  { tokenizer, size }: ActingRequest,
  out: Float32Array,
  row: number,
  { i, t, observation, past }: { i: number; t: number; observation: Float32Array; past: Past },
): void {
  tokenizer.writeQuery(out, row, t, observation, (observation.length / size) * i, past, past.reward.length - 1);
}

/** Calls act.onnx: `query` [size, P + T, F] with the memory → results [size, H, ..]. */
export function wholeSegment(request: ActingRequest): Acting {
  const { tokenizer, program, size, segment } = request;
  const steps = stepsSeen(tokenizer, segment);
  const { width } = tokenizer.query;
  const query = zeros([size, tokenizer.queryTokens(steps), width]);
  const data = query.data as Float32Array;
  const rowSize = data.length / size;
  const promptSize = (tokenizer.prompt?.tokens ?? 0) * width;
  const probabilities = zeros([size, steps, request.actions]);
  return {
    steps,
    reset: () => void data.fill(0),
    prompt: shown => writePrompts(request, query, shown),
    write(i, step, observation, past) {
      const [row, t] = [i * rowSize, step % steps];
      const end = (t: number) => row + (tokenizer.predictionIndex(t) + 1) * width;
      // The tokens that this step adds to those of the previous step.
      data.fill(0, t > 0 ? end(t - 1) : row + promptSize, end(t));
      writeStep(request, data, row, { i, t, observation, past });
    },
    endSegment: i => void data.fill(0, i * rowSize + promptSize, (i + 1) * rowSize),
    reread() {},
    run: (memory, outputs) => program.run({ query, ...memory }, outputs, { probabilities }),
  };
}

/** Calls step.onnx, and begin.onnx first where a segment begins: results [size, 1, ..]. */
export function stepByStep(request: ActingRequest, { first, state: shapes, begin }: StepProgram): Acting {
  const { tokenizer, program, size } = request;
  const S = tokenizer.predictionIndex(1) - tokenizer.predictionIndex(0);
  const { width } = tokenizer.query;
  const P = tokenizer.prompt?.tokens ?? 0;
  const tokens = zeros([size, S, width]);
  const place = zeros([size, S], 'int32');
  const probabilities = zeros([size, 1, request.actions]);
  const prompt = P > 0 ? zeros([size, P, width]) : undefined;
  const buffers = (names: readonly string[]) => Object.fromEntries(names.map(name => [name, zeros([size, ...shapes[name]])]));
  const state = buffers(Object.keys(shapes));
  const kept = changing({ first, state: shapes });
  /** What the next step's state is written to; the graph reads the other. */
  const spare = buffers(kept);
  const started = begun({ first, state: shapes });
  /** Environments whose segment has not begun, and the steps of their running segments. */
  const stale = new Set<number>();
  const time = new Int32Array(size);
  const chunks = new Map<string, HostTensor>();

  /** Starts the segments of stale environments. */
  const start = async ({ program, batch }: NonNullable<StepProgram['begin']>, memory: Feeds) => {
    const waiting = [...stale];
    for (let at = 0; at < waiting.length; at += batch) {
      const chunk = waiting.slice(at, at + batch);
      const feeds: Record<string, HostTensor> = {};
      for (const [name, { data, shape }] of Object.entries({ ...memory, ...(prompt ? { prompt } : {}) })) {
        const rows = chunks.get(name) ?? zeros([batch, ...shape.slice(1)]);
        chunks.set(name, rows);
        copyRows(data as Float32Array, rows.data as Float32Array, sizeOf(shape.slice(1)), (i, c) => [i, c], chunk);
        feeds[name] = rows;
      }
      const found = await program.run(feeds, started);
      for (const name of started)
        copyRows(found[name].data as Float32Array, state[name].data as Float32Array, sizeOf(shapes[name]), (i, c) => [c, i], chunk);
    }
  };

  return {
    steps: 1,
    reset() {
      for (const { data } of [...Object.values(state), ...(prompt ? [prompt] : [])]) data.fill(0);
      time.fill(0);
      for (let i = 0; i < size; i++) stale.add(i);
    },
    prompt(shown) {
      writePrompts(request, prompt ?? tokens, shown);
      // What a running segment has cached depends on its own prompt.
      for (let i = 0; i < size; i++) if (time[i] === 0) stale.add(i);
    },
    write(i, t, observation, past) {
      const data = tokens.data as Float32Array;
      time[i] = t;
      data.fill(0, i * S * width, (i + 1) * S * width);
      if (tokenizer.stateOnly) {
        writeStep(request, data, (i - P) * width, { i, t: 0, observation, past });
        return;
      }
      // The last of the S rows is the token at which this step's action is predicted.
      const end = tokenizer.predictionIndex(t);
      writeStep(request, data, (i * S - (end + 1 - S)) * width, { i, t, observation, past });
      for (let s = 0; s < S; s++) {
        const running = end - P - (S - 1) + s;
        place.data[i * S + s] = running < 0 ? -1 : first + running;
      }
    },
    endSegment(i) {
      time[i] = 0;
      stale.add(i);
    },
    reread(i) {
      if (first === 0) stale.add(i);
    },
    async run(memory, outputs) {
      if (begin && stale.size > 0) await start(begin, memory);
      stale.clear();
      const next = kept.map(name => `${NEXT}${name}`);
      const into = Object.fromEntries(kept.map(name => [`${NEXT}${name}`, spare[name]]));
      const feeds = { tokens, ...(kept.length > 0 ? { place } : {}), ...state };
      const found = await program.run(feeds, [...outputs, ...next], { probabilities, ...into });
      for (const name of kept) [state[name], spare[name]] = [found[`${NEXT}${name}`], state[name]];
      return found;
    },
    async attend(attention) {
      // Until the next step, `spare` has what this one read.
      const feeds: Feeds = { tokens, place, ...state, ...spare };
      const read = Object.keys(attention.shapes?.inputs ?? feeds);
      return (await attention.run(Object.fromEntries(read.map(name => [name, feeds[name]])), ['attention'])).attention;
    },
  };
}

/** Copies rows of `width` numbers; `places` gives where row i of environment chunk[c] comes from and goes to. */
function copyRows(
  from: Float32Array,
  to: Float32Array,
  width: number,
  places: (i: number, c: number) => readonly [from: number, to: number],
  chunk: readonly number[],
): void {
  for (const [c, i] of chunk.entries()) {
    const [source, target] = places(i, c);
    to.set(from.subarray(source * width, (source + 1) * width), target * width);
  }
}
