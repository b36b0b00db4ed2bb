/**
 * @file Acting at a cost that does not grow with the running segment: the same networks as graphs that keep what they have computed. `begin`
 * reads what is the same for a whole segment (Z, retrieved contexts, a prompt), `step` reads the new tokens of a step; both leave keys and
 * values in a state of named tensors. `encode` and `summarize` are `compress` in two parts, so that a past segment is encoded once. Shape key:
 * B batch, S new tokens of a step, F features, P tokens of a prompt, M latents, D width, N tokens of self-attention, R segments of the
 * context, L tokens of a segment, H heads.
 */

import { compressor } from '../compressor/index.ts';
import { type Graph, input, type Shape, type Tensor } from '../engine/index.ts';
import { type KeysValues, Scope } from '../nn/index.ts';
import { NEXT, type PolicyCache, policyStart, policyStep, tokensInFront } from '../policy/index.ts';
import { type Asked, type Inference, type Model, PARTS } from './model.ts';

/** The graphs that act step by step. */
export interface StepGraphs {
  /**
   * `latents` [B, M, D] (with `retrieved` and `present`) and `prompt` [B, P, F], as far as the model reads them → tensors of the state; absent
   * if it reads none.
   */
  readonly begin?: Graph;
  /**
   * `tokens` [B, S, F] with `place` int32 [B, S] (if tokens attend to each other), and the state → what the acting graph gives, for this step
   * alone (H = 1), and tensors of the state for the next step, with `next.` before their names.
   */
  readonly step: Graph;
  /** Number of tokens before the running segment in self-attention: the place of its first one. */
  readonly first: number;
  /** Shapes of the state of one environment, by name: `self.keys0` [H, N, D / H] and so on. */
  readonly state: Readonly<Record<string, Shape>>;
}

/** The compressor in two parts. */
export interface SegmentGraphs {
  /** `segment` [B, L, F] → `encoded` [B, ..], what the compressor needs of it. */
  readonly encode: Graph;
  /** `encoded` [B, R, ..], that of a segment of zeros in an empty slot → what the compressing graph gives. */
  readonly summarize: Graph;
  /** Shape of `encoded` for one segment. */
  readonly part: Shape;
}

/** Keys and values of all layers by their names in the state; all layers share one mask. */
function named(part: keyof PolicyCache, layers: readonly (KeysValues | undefined)[]): Record<string, Tensor> {
  const found: Record<string, Tensor> = {};
  for (const [i, layer] of layers.entries()) {
    if (!layer) continue;
    found[`${part}.keys${i}`] = layer.keys;
    found[`${part}.values${i}`] = layer.values;
    if (layer.mask) found[`${part}.mask`] = layer.mask;
  }
  return found;
}

/** The state of `named`, back in layers. */
function layersOf(part: keyof PolicyCache, layers: number, tensors: Readonly<Record<string, Tensor>>): (KeysValues | undefined)[] {
  return Array.from({ length: layers }, (_, i) => {
    const [keys, values] = [tensors[`${part}.keys${i}`], tensors[`${part}.values${i}`]];
    return keys && { keys, values, mask: tensors[`${part}.mask`] };
  });
}

/**
 * The acting graph step by step, with the same answers. Undefined if every segment is a single step: then there is nothing to keep, and the
 * plain graph does less.
 */
export function stepGraphs(
  model: Model,
  compressorId: string,
  batch: { readonly begin: number; readonly step: number },
  asked: Asked = {},
): StepGraphs | undefined {
  if (model.segment === 1) return undefined;
  const scope = new Scope();
  const policy = scope.at(PARTS.policy);
  const { policyOptions: options, tokenizer, tokensPerStep } = model;
  const { width, heads, layers } = options;
  const latentShape = model.latentShape(compressorId);
  const { width: F } = tokenizer.query;
  const P = tokenizer.prompt?.tokens ?? 0;
  const running = tokenizer.queryTokens(model.segment) - P;
  const started = policyStart(
    policy,
    {
      z_BMD: latentShape && input('latents', [batch.begin, ...latentShape]),
      prompt_BPF: P > 0 ? input('prompt', [batch.begin, P, F]) : undefined,
      retrieved: latentShape && model.retrievedInputs(batch.begin, asked.retrieved ?? 0, latentShape),
    },
    running,
    options,
  );
  const begun = { ...named('self', started.self), ...named('cross', started.cross) };
  const first = tokensInFront(options, latentShape?.[0] ?? 0);
  const kept = [heads, first + running, width / heads];
  const self = options.stateOnly ? [] : Array.from({ length: layers }, (_, i) => [`self.keys${i}`, `self.values${i}`]).flat();
  const state: Record<string, Shape> = {
    ...Object.fromEntries(self.map(name => [name, kept])),
    ...Object.fromEntries(Object.entries(begun).map(([name, { shape }]) => [name, shape.slice(1)])),
  };
  const read = Object.fromEntries(Object.entries(state).map(([name, shape]) => [name, input(name, [batch.step, ...shape])]));
  const weights: Tensor[] = [];
  const { states_B1D, self: next } = policyStep(
    policy,
    input('tokens', [batch.step, tokensPerStep, F]),
    input('place', [batch.step, tokensPerStep], 'int32'),
    { self: layersOf('self', layers, read), cross: layersOf('cross', layers, read) },
    options,
    layer => void weights.push(layer),
  );
  const answers = model.answers(scope, model.readStates(scope, states_B1D, weights, 1), asked);
  const changed = Object.entries(named('self', next)).map(([name, tensor]) => [`${NEXT}${name}`, tensor]);
  return {
    begin: Object.keys(begun).length > 0 ? { outputs: begun } : undefined,
    step: { outputs: { ...answers, ...Object.fromEntries(changed) } },
    first,
    state,
  };
}

/** The compressor in two parts; undefined if it is recurrent, or if what it makes of a segment depends on its place in the context. */
export function segmentGraphs(model: Model, compressorId: string, batch: number): SegmentGraphs | undefined {
  const { compress, recurrence } = compressor(compressorId);
  const { options, tokenizer, contextTokens, contextLayout } = model;
  const parts = compress.bySegment?.(options);
  if (!parts || recurrence || contextLayout === 'window') return undefined;
  const scope = new Scope();
  const { segment: L } = options;
  const found = parts.each(scope.at(PARTS.compressor), input('segment', [batch, L, tokenizer.context.width]), options);
  const [, ...part] = found.shape;
  const encoded = input('encoded', [batch, contextTokens / L, ...part]);
  return {
    encode: { outputs: { encoded: found } },
    summarize: { outputs: model.compressed(model.latents(scope, compressorId, { found: encoded })!) },
    part,
  };
}

/** How many contexts and environments graphs take at once, and what they are asked for. */
export interface GraphRequest extends Asked {
  readonly compress: number;
  readonly act: number;
}

/** The graphs of an agent: the plain ones, and those that keep what they have computed, as far as the model has them. */
export interface AgentGraphs extends Inference {
  readonly steps?: StepGraphs;
  readonly segments?: SegmentGraphs;
}

/** All graphs of a model. */
export function agentGraphs(model: Model, compressorId: string, { compress, act, ...asked }: GraphRequest): AgentGraphs {
  return {
    ...model.inference(compressorId, { compress, act }, asked),
    steps: stepGraphs(model, compressorId, { begin: compress, step: act }, asked),
    segments: segmentGraphs(model, compressorId, compress),
  };
}

/** Graphs of an agent with each of them replaced by `change`. */
export function changeGraphs(
  { compress, act, decode, steps, segments, ...shapes }: AgentGraphs,
  change: (graph: Graph) => Graph,
): AgentGraphs {
  return {
    ...shapes,
    act: change(act),
    compress: compress && change(compress),
    decode: decode && change(decode),
    steps: steps && { ...steps, begin: steps.begin && change(steps.begin), step: change(steps.step) },
    segments: segments && { ...segments, encode: change(segments.encode), summarize: change(segments.summarize) },
  };
}
