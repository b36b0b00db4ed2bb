/** @file Loads an exported model as a policy, in a browser or in Node: ONNX graphs, and a description of their tokens. */

import { type Executor, type Program, sizeOf, zeros } from '../engine/index.ts';
import { stepsSeen, tokenizer } from '../tokenizers/index.ts';
import { canonicalJson } from '../util/canonical.ts';
import { CadenzaError, invariant } from '../util/errors.ts';
import { checkedPolicy, type DisposablePolicy, quoted } from './checked.ts';
import { checkDescription, checkGraph, contextShape, type ModelDescription, tokenColumns } from './description.ts';
import { actionHead, DEFAULT_HEAD } from './heads/index.ts';
import { inContextPolicy } from './in-context.ts';

/** The files of an export, and what runs them. */
export interface LoadRequest {
  /** model.json, parsed. */
  readonly description: ModelDescription;
  /** The bytes of compress.onnx; omitted if the description's `latentShape` is null. */
  readonly compress?: Uint8Array;
  /** The bytes of act.onnx. */
  readonly act: Uint8Array;
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
  const { description: given, compress, act, executor } = request;
  const description = checkDescription(given);
  checkGraph(description, 'act.onnx', act);
  checkGraph(description, 'compress.onnx', compress);
  const { latentShape, streams, recurrent, returns, prompt } = description;
  const layout = tokenizer(description.tokenizer, description, description.query, prompt);
  const context = contextShape(description);
  const columns = tokenColumns(layout);
  if (canonicalJson(columns) !== canonicalJson(description.tokens))
    throw new CadenzaError(
      'E_CHECKPOINT',
      `model.json describes different tokens than the tokenizer "${layout.id}" of this version produces. Load it with the version that exported it, or export it again.`,
    );
  const steps = stepsSeen(layout, context.segment);
  const actProgram = await executor.compile(act);
  const query = [streams, layout.queryTokens(steps), columns.query.width];
  expectShapes('act.onnx', actProgram, { query, ...(latentShape ? { latents: [streams, ...latentShape] } : {}) });
  const actions = actionHead(description.actionSpace, { ...DEFAULT_HEAD, ...description.head }).distribution;
  expectShapes('act.onnx', actProgram, {
    probabilities: [streams, steps, actions.size],
    ...(returns ? { returns: [streams, steps, returns.episodes] } : {}),
  });
  const compressProgram = compress && (await executor.compile(compress));
  if (compressProgram) {
    const tokens = [1, context.contextTransitions * layout.tokensPerTransition, columns.context.width];
    const latents = [1, ...latentShape!];
    expectShapes('compress.onnx', compressProgram, { context: tokens, latents, ...(recurrent ? { state: latents, next: latents } : {}) });
  }
  let predicted: Float32Array = new Float32Array(streams * (returns?.episodes ?? 0));
  const onReturns = (found: Float32Array) => {
    predicted = found;
  };
  const policy = inContextPolicy({
    family: description,
    tokenizer: layout,
    context,
    actions,
    compress: compressProgram && { program: compressProgram, batch: 1, latentShape: latentShape!, recurrent },
    act: { program: actProgram, size: streams, ...(returns ? { onReturns } : {}) },
  });
  const dispose = async () => {
    await actProgram.dispose();
    await compressProgram?.dispose();
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
function expectShapes(file: string, { shapes }: Program, expected: Readonly<Record<string, readonly number[]>>): void {
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
