/** @file Loads an exported model as a policy, in a browser or in Node: ONNX graphs, and a description of their tokens. */

import { type Executor, type Program, sizeOf, zeros } from '../engine/index.ts';
import { stepsSeen, type Tokenizer, tokenizer } from '../tokenizers/index.ts';
import { canonicalJson } from '../util/canonical.ts';
import { CadenzaError, invariant } from '../util/errors.ts';
import { begun, changing, NEXT } from './acting.ts';
import { checkedPolicy, type DisposablePolicy, quoted } from './checked.ts';
import { checkDescription, checkGraph, contextShape, GRAPHS, type GraphName, type ModelDescription, tokenColumns } from './description.ts';
import { actionHead, DEFAULT_HEAD } from './heads/index.ts';
import { inContextPolicy } from './in-context.ts';

/**
 * The files of an export, and what runs them. `actingGraphs` names the files that are needed: those that act step by step, or, always enough,
 * act.onnx with compress.onnx.
 */
export interface LoadRequest {
  /** model.json, parsed. */
  readonly description: ModelDescription;
  /** The bytes of act.onnx; may be omitted with `step`. */
  readonly act?: Uint8Array;
  /** The bytes of compress.onnx; omitted if the description's `latentShape` is null, or with `summarize`. */
  readonly compress?: Uint8Array;
  /** The bytes of step.onnx. */
  readonly step?: Uint8Array;
  /** The bytes of begin.onnx, with `step`, if there is such a file. */
  readonly begin?: Uint8Array;
  /** The bytes of encode.onnx, with `summarize`. */
  readonly encode?: Uint8Array;
  /** The bytes of summarize.onnx. */
  readonly summarize?: Uint8Array;
  /** The bytes of attention.onnx, with `step`; needed only for `attention()`. */
  readonly attention?: Uint8Array;
  /** What runs the graphs. */
  readonly executor: Executor;
}

/** A policy from an export. */
export interface LoadedPolicy extends DisposablePolicy {
  /**
   * [streams × episodes] the predicted future returns at the last action. First the remaining return of the running episode, then the
   * returns of the next episodes.
   *
   * @throws {CadenzaError} `E_CONFIG` for a model that does not predict returns, whose description has no `returns`.
   */
  returns(): Float32Array;
}

/**
 * Loads an exported model. The policy acts in `description.streams` environments and learns in context from what `observe` receives. Its
 * methods check their arguments (see `checkedPolicy`).
 *
 * @throws {CadenzaError} `E_USAGE` if `executor` is missing or not an executor, `E_CHECKPOINT` if a file was altered or the files do not
 * belong together, `E_EXECUTOR` if the executor cannot run them.
 * @example
 * const policy = await loadPolicy({ description, compress, act, executor: webExecutor({ baseUrl: '/ort/' }) });
 * policy.reset(1);
 * const probabilities = await policy.act(Float32Array.of(4, 4));
 */
export async function loadPolicy(request: LoadRequest): Promise<LoadedPolicy> {
  checkRequest('loadPolicy', request);
  const { description: given, executor } = request;
  const description = checkDescription(given);
  const graphs = chosenGraphs(description, request);
  const { latentShape, streams, recurrent, returns, prompt } = description;
  const layout = tokenizer(description.tokenizer, description, description.query, prompt);
  const context = contextShape(description);
  const columns = tokenColumns(layout);
  if (canonicalJson(columns) !== canonicalJson(description.tokens))
    throw new CadenzaError(
      'E_CHECKPOINT',
      `model.json describes different tokens than the tokenizer "${layout.id}" of this version produces. Load it with the version that exported it, or export it again.`,
    );
  const actions = actionHead(description.actionSpace, { ...DEFAULT_HEAD, ...description.head }).distribution;
  const expected = shapesOf(description, layout, actions.size);
  const programs = new Map<GraphName, Program>();
  for (const [name, bytes] of graphs) {
    const program = await executor.compile(bytes);
    programs.set(name, program);
    expectShapes(name, program, expected[name]!);
  }
  const program = (name: GraphName) => programs.get(name)!;
  let predicted: Float32Array = new Float32Array(streams * (returns?.episodes ?? 0));
  const onReturns = (found: Float32Array) => {
    predicted = found;
  };
  const steps = graphs.has('step.onnx') ? description.steps : undefined;
  const encode = programs.get('encode.onnx');
  const policy = inContextPolicy({
    family: description,
    tokenizer: layout,
    context,
    actions,
    compress: latentShape
      ? {
          program: program(encode ? 'summarize.onnx' : 'compress.onnx'),
          encode: encode && { program: encode, part: description.encoded ?? [] },
          batch: 1,
          latentShape,
          codes: description.codes && sizeOf(description.codes.shape),
          recurrent,
        }
      : undefined,
    act: {
      program: program(steps ? 'step.onnx' : 'act.onnx'),
      size: streams,
      attention: steps && programs.get('attention.onnx'),
      step: steps && { ...steps, begin: graphs.has('begin.onnx') ? { program: program('begin.onnx'), batch: 1 } : undefined },
      ...(returns ? { onReturns } : {}),
    },
  });
  const dispose = async () => {
    for (const program of programs.values()) await program.dispose();
  };
  return {
    ...checkedPolicy({ ...policy, dispose }, description),
    returns() {
      if (returns) return predicted;
      throw new CadenzaError(
        'E_CONFIG',
        'this model does not predict returns. Train one with policy.returns, or use it without returns().',
      );
    },
  };
}

/** The graphs to run, of those that were given. Throws `E_CHECKPOINT` if one is missing or is not of this export. */
function chosenGraphs(description: ModelDescription, given: LoadRequest): Map<GraphName, Uint8Array> {
  const bytes: { readonly [name in GraphName]?: Uint8Array } = {
    'act.onnx': given.act,
    'compress.onnx': given.compress,
    'begin.onnx': given.begin,
    'step.onnx': given.step,
    'encode.onnx': given.encode,
    'summarize.onnx': given.summarize,
    'attention.onnx': given.attention,
  };
  const looking: GraphName[] = given.attention && given.step ? ['attention.onnx'] : [];
  const acting: GraphName[] = given.step ? ['begin.onnx', 'step.onnx'] : ['act.onnx'];
  const compressing: GraphName[] = given.summarize ? ['encode.onnx', 'summarize.onnx'] : ['compress.onnx'];
  const needed = [...acting, ...compressing, ...looking];
  for (const name of GRAPHS) if (needed.includes(name) || bytes[name]) checkGraph(description, name, bytes[name]);
  return new Map(needed.flatMap(name => (bytes[name] ? [[name, bytes[name]] as const] : [])));
}

type Shapes = Readonly<Record<string, readonly number[]>>;

/** Inputs and outputs of every graph, as the description has them. */
function shapesOf(description: ModelDescription, layout: Tokenizer, actions: number): { readonly [name in GraphName]?: Shapes } {
  const {
    latentShape,
    streams,
    recurrent,
    returns,
    encoded = [],
    attention,
    steps: { first, state } = { first: 0, state: {} },
  } = description;
  const { contextTransitions, segment } = contextShape(description);
  const tokens = (transitions: number) => transitions * layout.tokensPerTransition;
  const latents = latentShape ? { latents: [1, ...latentShape] } : undefined;
  const H = stepsSeen(layout, segment);
  const answers = (H: number): Shapes => ({
    probabilities: [streams, H, actions],
    ...(returns ? { returns: [streams, H, returns.episodes] } : {}),
  });
  const P = layout.prompt?.tokens ?? 0;
  const S = layout.predictionIndex(1) - layout.predictionIndex(0);
  const changed = changing({ first, state });
  // Places of the running segment's tokens.
  const places = first + layout.queryTokens(segment) - P;
  const fits = changed.every(name => state[name].length === 3 && state[name][1] === places);
  const [width, asked] = [layout.context.width, layout.query.width];
  return {
    'act.onnx': {
      query: [streams, layout.queryTokens(H), asked],
      ...(latentShape ? { latents: [streams, ...latentShape] } : {}),
      ...answers(H),
    },
    'compress.onnx': {
      context: [1, tokens(contextTransitions), width],
      ...latents,
      ...(recurrent ? { state: latents!.latents, next: latents!.latents } : {}),
    },
    'begin.onnx': Object.fromEntries(begun({ first, state }).map(name => [name, [1, ...state[name]]])),
    'step.onnx': {
      tokens: [streams, S, asked],
      ...(changed.length > 0 ? { place: [streams, S] } : {}),
      ...Object.fromEntries(Object.entries(state).map(([name, shape]) => [name, [streams, ...shape]])),
      ...Object.fromEntries(changed.map(name => [`${NEXT}${name}`, [streams, ...(fits ? state[name] : [])]])),
      ...answers(1),
    },
    'attention.onnx': attention ? { attention: [streams, 1, attention.layers.length, attention.heads, attention.tokens] } : {},
    'encode.onnx': { segment: [1, tokens(segment), width], encoded: [1, ...encoded] },
    'summarize.onnx': { encoded: [1, contextTransitions / segment, ...encoded], ...latents },
  };
}

/** Checks that a call has its one argument, with an executor in it. Throws `E_USAGE`. */
function checkRequest(call: string, request: unknown): void {
  if (typeof request !== 'object' || request === null)
    throw new CadenzaError(
      'E_USAGE',
      `${call}: expected an object with description, executor and the bytes of the graphs, found ${quoted(request)}.`,
    );
  const { executor } = request as { executor?: Partial<Executor> | null };
  if (typeof executor?.compile === 'function') return;
  const found =
    typeof executor === 'function'
      ? `a function; call it, as in ${(executor as { name?: string }).name || 'nodeExecutor'}()`
      : quoted(executor);
  throw new CadenzaError('E_USAGE', `${call}: expected an executor in "executor", such as nodeExecutor(), found ${found}.`);
}

/** Checks inputs and outputs of a graph, if the runtime reports them. Throws `E_CHECKPOINT`. */
function expectShapes(file: string, { shapes }: Program, expected: Shapes): void {
  if (!shapes) return;
  for (const [name, shape] of Object.entries(expected)) {
    const found = shapes.inputs[name] ?? shapes.outputs[name];
    if (found?.join() === shape.join()) continue;
    throw new CadenzaError(
      'E_CHECKPOINT',
      `${file}: model.json describes "${name}" as [${shape.join(', ')}], but the graph has ${found ? `[${found.join(', ')}]` : 'none of this name'}. Use the files of one export.`,
    );
  }
}

/** Converts stored codes back to latents. */
export interface CodeDecoder {
  /** Codes [M · G] of one context, integers below `description.codes.size` → its latents [M · D]. */
  decode(codes: ArrayLike<number>): Promise<Float32Array>;
  /** Releases the program. */
  dispose(): Promise<void>;
}

/**
 * Loads the code decoder of an exported model with discrete latents.
 *
 * @throws {CadenzaError} `E_CHECKPOINT` if the model has no codes or a file was altered, `E_EXECUTOR` if the executor cannot run the graph,
 * `E_SHAPE` (from `decode`) for invalid codes.
 * @example
 * const decoder = await loadDecoder({ description, decode, executor: nodeExecutor() });
 * const latents = await decoder.decode(codes);
 */
export async function loadDecoder(request: {
  readonly description: ModelDescription;
  /** The bytes of decode.onnx. */
  readonly decode: Uint8Array;
  readonly executor: Executor;
}): Promise<CodeDecoder> {
  checkRequest('loadDecoder', request);
  const description = checkDescription(request.description);
  if (!description.codes)
    throw new CadenzaError(
      'E_CHECKPOINT',
      'model.json describes latents without codes, so there is nothing to decode. Codes need latents.kind fsq or vq.',
    );
  checkGraph(description, 'decode.onnx', request.decode);
  const { shape, size } = description.codes;
  const program = await request.executor.compile(request.decode);
  expectShapes('decode.onnx', program, { codes: [1, ...shape], latents: [1, ...description.latentShape!] });
  const length = sizeOf(shape);
  return {
    async decode(codes) {
      const given = Array.isArray(codes) || ArrayBuffer.isView(codes) ? Array.from(codes) : undefined;
      const bad = given?.find(code => !Number.isInteger(code) || code < 0 || code >= size);
      invariant(
        given?.length === length && bad === undefined,
        `expected ${length} codes, integers from 0 to ${size - 1}, found ${given ? `${given.length} codes` : typeof codes}${bad === undefined ? '' : `, among them ${bad}`}.`,
      );
      // Buffers of its own, because calls may overlap.
      const feed = zeros([1, ...shape], 'int32');
      feed.data.set(given);
      const { latents } = await program.run({ codes: feed }, ['latents']);
      return latents.data as Float32Array;
    },
    dispose: () => program.dispose(),
  };
}
