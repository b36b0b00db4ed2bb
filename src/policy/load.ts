/** @file An exported model as a policy, in a browser as in Node: ONNX graphs, and a description of the tokens that they take. */

import { type Executor, type Program, sizeOf, zeros } from '../engine/index.ts';
import { stepsSeen, tokenizer } from '../tokenizers/index.ts';
import { canonicalJson } from '../util/canonical.ts';
import { CadenzaError, invariant } from '../util/errors.ts';
import { checkedPolicy, type DisposablePolicy, quoted } from './checked.ts';
import { checkDescription, checkGraph, contextShape, type ModelDescription, tokenColumns } from './description.ts';
import { actionHead, DEFAULT_HEAD } from './heads/index.ts';
import { inContextPolicy } from './in-context.ts';

export interface LoadRequest {
  /** model.json, parsed. */
  readonly description: ModelDescription;
  /** The bytes of compress.onnx; left out where the description's `latentShape` is null. */
  readonly compress?: Uint8Array;
  /** The bytes of act.onnx. */
  readonly act: Uint8Array;
  readonly executor: Executor;
}

/** A policy from an export. */
export interface LoadedPolicy extends DisposablePolicy {
  /**
   * Of a model that predicts future returns: [streams × episodes] what it expected when it acted last. First what the running episode
   * still earns, then the returns of the episodes after it.
   */
  readonly returns?: () => Float32Array;
}

/**
 * Compiles an exported model. The policy acts in `description.streams` environments and learns in context from what `observe` tells it. Its
 * methods check what they are given (see `checkedPolicy`).
 *
 * @throws {CadenzaError} `E_USAGE` when the executor is missing or none, `E_CHECKPOINT` when a file was altered or the files do not belong together, `E_EXECUTOR` when the executor cannot run
 * them.
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
      `model.json describes other tokens than the tokenizer "${layout.id}" of this version writes. Load it with the version that exported it, or export it again.`,
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
  return { ...checkedPolicy({ ...policy, dispose }, description), ...(returns ? { returns: () => predicted } : {}) };
}

/** Checks that a call has its one argument, and an executor in it. Throws `E_USAGE`. */
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

/** Checks inputs and outputs of a graph, where the runtime tells them. Throws `E_CHECKPOINT`. */
function expectShapes(file: string, { shapes }: Program, expected: Readonly<Record<string, readonly number[]>>): void {
  if (!shapes) return;
  for (const [name, shape] of Object.entries(expected)) {
    const found = shapes.inputs[name] ?? shapes.outputs[name];
    if (found?.join() === shape.join()) continue;
    throw new CadenzaError(
      'E_CHECKPOINT',
      `${file}: model.json describes "${name}" as [${shape.join(', ')}], but the graph has ${found ? `[${found.join(', ')}]` : 'none of this name'}. Take the files of one export.`,
    );
  }
}

/** Turns stored codes back into latents. */
export interface CodeDecoder {
  /** Codes [M · G], whole numbers below `description.codes.size`, of one context → its latents [M · D]. */
  decode(codes: ArrayLike<number>): Promise<Float32Array>;
  /** Frees the program. */
  dispose(): Promise<void>;
}

/**
 * Compiles the way back from codes to latents of an exported model whose latents are discrete.
 *
 * @throws {CadenzaError} `E_CHECKPOINT` when the model has no codes or a file was altered, `E_EXECUTOR` when the executor cannot run the graph,
 * `E_SHAPE` (from `decode`) for codes that are not such a model's.
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
      'model.json describes latents that are not codes (latents.kind: fsq or vq), so none can be decoded.',
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
        `expected ${length} codes, whole numbers from 0 to ${size - 1}, found ${given ? `${given.length} codes` : typeof codes}${bad === undefined ? '' : `, among them ${bad}`}.`,
      );
      // Buffers of its own: calls may overlap.
      const feed = zeros([1, ...shape], 'int32');
      feed.data.set(given);
      const { latents } = await program.run({ codes: feed }, ['latents']);
      return latents.data as Float32Array;
    },
    dispose: () => program.dispose(),
  };
}
