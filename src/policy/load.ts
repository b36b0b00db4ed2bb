/** @file An exported model as a policy, in a browser as in Node: two ONNX graphs, and a description of the tokens that they take. */

import type { Executor } from '../engine/index.ts';
import type { DiscreteSpace, Policy, Space } from '../rl/index.ts';
import { tokenizer } from '../tokenizers/index.ts';
import { CadenzaError } from '../util/errors.ts';
import { inContextPolicy } from './in-context.ts';

export const MODEL_FORMAT = 'cadenza-model-1';

/** What model.json says: everything that drives the graphs beside it. */
export interface ModelDescription {
  readonly format: typeof MODEL_FORMAT;
  /** The family of tasks that it was trained on, and what an agent needs to know of it. */
  readonly env: { readonly id: string };
  readonly observationSpace: Space;
  readonly actionSpace: DiscreteSpace;
  /** Steps after which an episode is truncated: the running episode is at most this long. */
  readonly horizon: number;
  readonly tokenizer: string;
  /** Transitions that the compressor sees. */
  readonly contextTransitions: number;
  /** [M, D] of Z; null when nothing is carried between episodes, and then there is no compress.onnx. */
  readonly latentShape: readonly number[] | null;
  /** Environments that the graphs act in at once. */
  readonly streams: number;
  /** Key of the stage that trained it. */
  readonly trained: string;
}

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
export interface LoadedPolicy extends Policy {
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
  const { format, latentShape, streams, contextTransitions } = description;
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
  const policy = inContextPolicy({
    family: description,
    tokenizer: tokenizer(description.tokenizer, description),
    contextTransitions,
    compress: compressProgram && { program: compressProgram, batch: 1, latentShape: latentShape! },
    act: { program: actProgram, size: streams },
  });
  return {
    ...policy,
    async dispose() {
      await actProgram.dispose();
      await compressProgram?.dispose();
    },
  };
}
