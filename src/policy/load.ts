/** @file An exported model as a policy, in a browser as in Node: ONNX graphs, and a description of the tokens that they take. */

import { type Executor, sizeOf, zeros } from '../engine/index.ts';
import type { Space } from '../rl/index.ts';
import { type ContextForm, type ContextShape, type PromptShape, type QueryKind, tokenizer } from '../tokenizers/index.ts';
import { CadenzaError, expect } from '../util/errors.ts';
import { actionHead, DEFAULT_HEAD, type HeadChoice } from './heads/index.ts';
import { type InContextPolicy, inContextPolicy } from './in-context.ts';

export const MODEL_FORMAT = 'cadenza-model-1';

/** What model.json says: everything that drives the graphs beside it. */
export interface ModelDescription {
  readonly format: typeof MODEL_FORMAT;
  /** The family of tasks that it was trained on, and what an agent needs to know of it. */
  readonly env: { readonly id: string; readonly options?: Readonly<Record<string, unknown>> };
  readonly observationSpace: Space;
  readonly actionSpace: Space;
  /** What of the head is not settled by the action space: act.onnx gives rows of its distribution. */
  readonly head?: HeadChoice;
  /** Steps after which an episode is truncated. */
  readonly horizon: number;
  /** Transitions of a segment at most: what the query holds, and when it ends, the past is compressed. A whole episode when left out. */
  readonly segment?: number;
  readonly tokenizer: string;
  /** What the policy is asked about; the running episode when left out. */
  readonly query?: QueryKind;
  /** Room before it for a few-shot prompt, whose tokens are the first of `query`; rows of zeros are none. */
  readonly prompt?: PromptShape;
  /** Transitions that the compressor sees. */
  readonly contextTransitions: number;
  /** How they stand in its input; `window` when left out. */
  readonly form?: ContextForm;
  /** compress.onnx goes on from the latents before, which it takes as `state` (zeros at first); `contextTransitions` is one segment then. */
  readonly carries?: boolean;
  /** [M, D] of Z; null when nothing is carried between episodes, and then there is no compress.onnx. */
  readonly latentShape: readonly number[] | null;
  /**
   * Where Z is discrete: `shape` [M, G] codes, each below `size`. compress.onnx gives them as `codes` beside the latents, and decode.onnx
   * turns them back into latents.
   */
  readonly codes?: { readonly shape: readonly number[]; readonly size: number };
  /** Where the model predicts future returns: how many, which act.onnx gives as `returns` beside the probabilities. */
  readonly returns?: { readonly episodes: number };
  /** Environments that the graphs act in at once. */
  readonly streams: number;
  /** Key of the stage that trained it. */
  readonly trained: string;
  /** The experiment that it was trained in; older models do not say. */
  readonly experiment?: {
    /** SHA-256 of the run's config.yaml. */
    readonly config: string;
    /** SHA-256 of the keys of its training, validation and test tasks, and of the data set where there is one, as canonical JSON. */
    readonly tasks: string;
  };
}

/** What of the past the compressor sees at once. */
export const contextShape = ({
  contextTransitions,
  horizon,
  segment = horizon,
  form = 'window',
}: Pick<ModelDescription, 'contextTransitions' | 'horizon' | 'segment' | 'form'>): ContextShape => ({ contextTransitions, segment, form });

export interface LoadRequest {
  /** model.json, parsed. */
  readonly description: ModelDescription;
  /** The bytes of compress.onnx; left out where the description's `latentShape` is null. */
  readonly compress?: Uint8Array;
  /** The bytes of act.onnx. */
  readonly act: Uint8Array;
  readonly executor: Executor;
}

/** A policy that holds compiled programs. */
export interface LoadedPolicy extends InContextPolicy {
  /**
   * Of a model that predicts future returns: [streams × episodes] what it expected when it acted last. First what the running episode
   * still earns, then the returns of the episodes after it.
   */
  readonly returns?: () => Float32Array;
  /** Frees the programs. */
  dispose(): Promise<void>;
}

/**
 * Compiles an exported model. The policy acts in `description.streams` environments and learns in context from what `observe` tells it.
 *
 * @throws {CadenzaError} `E_CHECKPOINT` when the files do not belong together, `E_EXECUTOR` when the executor cannot run them.
 * @example
 * const policy = await loadPolicy({ description, compress, act, executor: webExecutor({ baseUrl: '/ort/' }) });
 * policy.reset(1);
 * const probabilities = await policy.act(Float32Array.of(4, 4));
 */
export async function loadPolicy({ description, compress, act, executor }: LoadRequest): Promise<LoadedPolicy> {
  const { format, latentShape, streams, carries, returns } = description;
  if (format !== MODEL_FORMAT)
    throw new CadenzaError('E_CHECKPOINT', `model.json has the format "${format}", expected "${MODEL_FORMAT}"; export the model again.`);
  if (Boolean(compress) !== Boolean(latentShape))
    throw new CadenzaError(
      'E_CHECKPOINT',
      latentShape
        ? `model.json describes latents of shape [${latentShape.join(', ')}], which compress.onnx makes; hand in its bytes as "compress".`
        : 'model.json describes a model without latents, so "compress" must be left out; take the files of one export.',
    );
  const actProgram = await executor.compile(act);
  const compressProgram = compress && (await executor.compile(compress));
  let foreseen: Float32Array = new Float32Array(streams * (returns?.episodes ?? 0));
  const onReturns = (found: Float32Array) => {
    foreseen = found;
  };
  const policy = inContextPolicy({
    family: description,
    tokenizer: tokenizer(description.tokenizer, description, description.query, description.prompt),
    context: contextShape(description),
    actions: actionHead(description.actionSpace, { ...DEFAULT_HEAD, ...description.head }).distribution,
    compress: compressProgram && { program: compressProgram, batch: 1, latentShape: latentShape!, carries },
    act: { program: actProgram, size: streams, ...(returns ? { onReturns } : {}) },
  });
  return {
    ...policy,
    ...(returns ? { returns: () => foreseen } : {}),
    async dispose() {
      await actProgram.dispose();
      await compressProgram?.dispose();
    },
  };
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
 * @throws {CadenzaError} `E_CHECKPOINT` when the model has no codes, `E_EXECUTOR` when the executor cannot run the graph, `E_SHAPE` (from
 * `decode`) for codes that are not such a model's.
 */
export async function loadDecoder(request: {
  readonly description: ModelDescription;
  /** The bytes of decode.onnx. */
  readonly decode: Uint8Array;
  readonly executor: Executor;
}): Promise<CodeDecoder> {
  const { codes: described } = request.description;
  if (!described)
    throw new CadenzaError(
      'E_CHECKPOINT',
      'model.json describes latents that are not codes (latents.kind: fsq or vq), so none can be decoded.',
    );
  const { shape, size } = described;
  const program = await request.executor.compile(request.decode);
  const length = sizeOf(shape);
  const feed = zeros([1, ...shape], 'int32');
  return {
    async decode(codes) {
      const bad = Array.from(codes).find(code => !Number.isInteger(code) || code < 0 || code >= size);
      expect(
        codes.length === length && bad === undefined,
        `expected ${length} codes, whole numbers from 0 to ${size - 1}, got ${codes.length} codes${bad === undefined ? '' : `, among them ${bad}`}.`,
      );
      feed.data.set(codes);
      const { latents } = await program.run({ codes: feed }, ['latents']);
      return latents.data as Float32Array;
    },
    dispose: () => program.dispose(),
  };
}
