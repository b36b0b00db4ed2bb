/** @file model.json: describes an exported model, and identifies the files that were exported together. */

import { z } from 'zod';
import { spaceSchema } from '../rl/space-format.ts';
import { type ContextShape, QUERIES, type Tokenizer, type TokenLayout } from '../tokenizers/index.ts';
import { canonicalJson } from '../util/canonical.ts';
import { CadenzaError } from '../util/errors.ts';
import { byName, checkRecord, OTHER_VERSION, sha256Schema } from '../util/formats.ts';
import { portableSha256 } from '../util/sha256.ts';
import { begun } from './acting.ts';
import { headChoices } from './heads/index.ts';

/** Format of model.json. */
export const MODEL_FORMAT = 'cadenza-model-4';

/** The graphs of an export. */
export const GRAPHS = [
  'act.onnx',
  'compress.onnx',
  'decode.onnx',
  'begin.onnx',
  'step.onnx',
  'encode.onnx',
  'summarize.onnx',
  'attention.onnx',
] as const;
/** File name of a graph. */
export type GraphName = (typeof GRAPHS)[number];

const natural = z.int().min(0);
const positive = z.int().min(1);
const text = z.string().max(1000);

/** The columns of a token row. */
const columns = z.strictObject({
  width: positive,
  fields: z.array(
    /**
     * A field of a token: `size` columns from `offset` on. Column `presence` is 1 in rows that have the field; in all others the field is
     * zeros.
     */
    z.strictObject({
      name: text,
      kind: z.enum(['categorical', 'scalar', 'vector', 'image']),
      offset: natural,
      size: positive,
      presence: natural,
    }),
  ),
});

const schema = z.strictObject({
  format: z.literal(MODEL_FORMAT),
  /** The family of tasks that it was trained on, with everything an agent must know of it. */
  env: z.strictObject({ id: text, options: byName(z.json() as z.ZodType<unknown>).optional() }),
  observationSpace: spaceSchema,
  actionSpace: spaceSchema,
  /** Names of the actions in order, if the family has them. */
  actionNames: z.array(text).optional(),
  /** What the action space does not determine about the head; act.onnx returns rows of its distribution. */
  head: z
    .strictObject({
      kind: z.enum(headChoices()),
      bins: z.int().min(2).max(4096).optional(),
      autoregressive: z.boolean().optional(),
    })
    .optional(),
  /** Steps after which an episode is truncated. */
  horizon: positive,
  /** Maximum number of transitions in a segment: what the query holds, after which the past is compressed. A whole episode if absent. */
  segment: positive.optional(),
  tokenizer: text,
  /** The columns of a token of `context` and of `query`. */
  tokens: z.strictObject({ context: columns, query: columns }),
  /** What the query is; the running episode if absent. */
  query: z.enum(QUERIES).optional(),
  /** Size of the few-shot prompt, whose tokens are the first of `query`; rows of zeros are empty. */
  prompt: z.strictObject({ episodes: positive, length: positive }).optional(),
  /** Number of transitions that the compressor sees. */
  contextTransitions: natural,
  /** How they are arranged in its input; `window` if absent. */
  contextLayout: z.enum(['window', 'segments', 'best']).optional(),
  /** compress.onnx updates the previous latents, which it takes as `state` (zeros at first); `contextTransitions` is one segment then. */
  recurrent: z.boolean().optional(),
  /** [M, D] of Z; null if nothing is carried between episodes, and then there is no compress.onnx. */
  latentShape: z.array(positive).length(2).nullable(),
  /**
   * If Z is discrete: `shape` [M, G] codes, each below `size`. compress.onnx returns them as `codes` along with the latents, and
   * decode.onnx converts them back to latents.
   */
  codes: z.strictObject({ shape: z.array(positive).length(2), size: positive }).optional(),
  /** If the model predicts future returns: how many, which act.onnx returns as `returns` along with the probabilities. */
  returns: z.strictObject({ episodes: positive }).optional(),
  /**
   * If there is step.onnx, which acts in place of act.onnx: the place of the running segment's first token in self-attention, and the shapes
   * of its state for one environment, by the names of its inputs. What is called `self.…` it returns as `next.self.…`. begin.onnx, if there is
   * one, gives the rest at the start of a segment (and `self.…` too, if `first` is above 0).
   */
  steps: z.strictObject({ first: natural, state: byName(z.array(positive).min(1).max(4)) }).optional(),
  /**
   * If there is attention.onnx, which reads what step.onnx reads and returns the weights `attention` of cross-attention at the action: the
   * layers that attend, counted from 0, and the numbers of heads and of attended tokens. The first of these are the latents.
   */
  attention: z.strictObject({ layers: z.array(natural).min(1), heads: positive, tokens: positive }).optional(),
  /** If there are encode.onnx and summarize.onnx in place of compress.onnx: the shape of what the first gives for a segment. */
  encoded: z.array(positive).min(1).max(4).optional(),
  /** Number of environments that the graphs act in at once. */
  streams: positive,
  /** Key of the stage that trained it. */
  trained: text,
  /**
   * The experiment that trained it: SHA-256 of the run's config.yaml, and of the keys of its training, validation and test tasks and of the
   * data set if there is one, as canonical JSON.
   */
  experiment: z.strictObject({ config: sha256Schema, tasks: sha256Schema }).optional(),
  /** SHA-256 of every graph. */
  files: z.strictObject(
    Object.fromEntries(GRAPHS.map(name => [name, sha256Schema.optional()])) as {
      [name in GraphName]: z.ZodOptional<typeof sha256Schema>;
    },
  ),
  /** SHA-256 of the canonical JSON of all other fields. */
  hash: sha256Schema,
});

type DeepReadonly<T> = T extends object ? { readonly [K in keyof T]: DeepReadonly<T[K]> } : T;

/** Content of model.json: everything needed to run the graphs next to it. */
export type ModelDescription = DeepReadonly<z.output<typeof schema>>;

/** Which past transitions the compressor sees, and how they are arranged. */
export function contextShape(of: Pick<ModelDescription, 'contextTransitions' | 'horizon' | 'segment' | 'contextLayout'>): ContextShape {
  const { contextTransitions, horizon, segment = horizon, contextLayout = 'window' } = of;
  return { contextTransitions, segment, contextLayout };
}

/** The graphs that `loadPolicy` runs: those that keep what they have computed, where an export has them. */
export function actingGraphs({ files }: Pick<ModelDescription, 'files'>): GraphName[] {
  const has = (name: GraphName) => files[name] !== undefined;
  const acting: GraphName[] = has('step.onnx') ? ['begin.onnx', 'step.onnx'] : ['act.onnx'];
  const compressing: GraphName[] = has('summarize.onnx') ? ['encode.onnx', 'summarize.onnx'] : ['compress.onnx'];
  return [...acting, ...compressing].filter(has);
}

/** The columns of a tokenizer, in the form of a description. */
export const tokenColumns = ({ context, query }: Pick<Tokenizer, 'context' | 'query'>): ModelDescription['tokens'] => {
  const columns = ({ width, fields }: TokenLayout): ModelDescription['tokens']['query'] => ({
    width,
    fields: fields.map(({ name, kind, offset, size, presence }) => ({ name, kind, offset, size, presence })),
  });
  return { context: columns(context), query: columns(query) };
};

/** A description with the hashes of its graphs and its own, replacing any earlier ones. */
export function sealDescription(
  { hash: _, ...description }: Omit<ModelDescription, 'format' | 'files' | 'hash'> & { readonly hash?: string },
  graphs: { readonly [name in GraphName]?: Uint8Array },
): ModelDescription {
  const present = Object.entries(graphs).filter((entry): entry is [GraphName, Uint8Array] => entry[1] !== undefined);
  const files = Object.fromEntries(present.map(([name, bytes]) => [name, portableSha256(bytes)]));
  const all = { ...description, format: MODEL_FORMAT, files } as const;
  return { ...all, hash: portableSha256(canonicalJson(all)) };
}

const ADVICE = 'Run the command that trained the model again in its folder: it exports the model again without retraining.';

const checkedSchema = schema.superRefine((model, context) => {
  const { files, latentShape, codes, actionSpace, actionNames, segment, horizon, recurrent, steps, encoded, attention } = model;
  const fault = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message });
  const needed: Record<GraphName, boolean> = {
    'act.onnx': true,
    'compress.onnx': latentShape !== null,
    'decode.onnx': codes !== undefined,
    'begin.onnx': steps !== undefined && begun(steps).length > 0,
    'step.onnx': steps !== undefined,
    'encode.onnx': encoded !== undefined,
    'summarize.onnx': encoded !== undefined,
    'attention.onnx': attention !== undefined,
  };
  for (const name of GRAPHS)
    if ((files[name] !== undefined) !== needed[name]) fault('files', `expected ${needed[name] ? 'the' : 'no'} SHA-256 of ${name}`);
  if (actionNames && !(actionSpace.kind === 'discrete' && actionSpace.n === actionNames.length))
    fault('actionNames', 'expected one name per action');
  if (segment !== undefined && segment > horizon) fault('segment', `expected at most the ${horizon} steps of an episode`);
  if ((recurrent || codes) && !latentShape) fault('latentShape', 'expected the shape of the latents that are carried or coded');
  if (attention && !(steps && latentShape && attention.tokens >= latentShape[0]))
    fault('attention', 'expected a model with latents that acts step by step, and at least as many tokens as latents');
  if (codes && latentShape && codes.shape[0] !== latentShape[0]) fault('codes.shape', `expected codes of ${latentShape[0]} latents`);
});

/** Earlier model formats. */
const EARLIER = /^cadenza-model-\d+$/;

/**
 * Checks a description against its schema and its own hash, and returns it.
 *
 * @param where its name in errors: its path, if there is one.
 * @throws {CadenzaError} `E_CHECKPOINT`, naming the field, or saying that the file was altered.
 */
export function checkDescription(value: unknown, where = 'model.json'): ModelDescription {
  const { success, data } = z.looseObject({ format: z.string().regex(EARLIER) }).safeParse(value);
  if (success && data.format !== MODEL_FORMAT)
    throw new CadenzaError(
      'E_CHECKPOINT',
      `${where} has the format "${data.format.slice(0, 100)}", expected "${MODEL_FORMAT}". ${OTHER_VERSION}`,
    );
  const what = `the description of an exported model (${MODEL_FORMAT})`;
  const description = checkRecord(value, where, { what, code: 'E_CHECKPOINT', advice: ADVICE, schema: checkedSchema });
  const { hash, ...all } = description;
  const found = portableSha256(canonicalJson(all));
  if (found !== hash)
    throw new CadenzaError(
      'E_CHECKPOINT',
      `${where} was altered after it was written: its hash is ${hash.slice(0, 12)}…, but its content has ${found.slice(0, 12)}…. ${ADVICE}`,
    );
  return description;
}

/**
 * Checks that these bytes are the graph of this name that was exported with the description.
 *
 * @throws {CadenzaError} `E_CHECKPOINT` otherwise.
 */
export function checkGraph({ files }: Pick<ModelDescription, 'files'>, name: GraphName, bytes: Uint8Array | undefined): void {
  const expected = files[name];
  if (bytes === undefined && expected === undefined) return;
  const found = bytes instanceof Uint8Array ? portableSha256(bytes) : undefined;
  if (found === expected) return;
  const short = (hash: string) => `${hash.slice(0, 12)}…`;
  throw new CadenzaError(
    'E_CHECKPOINT',
    expected === undefined
      ? `model.json describes a model without ${name}, so its bytes must be omitted. Use the files of one export.`
      : `${name} is not the graph that was exported with model.json: expected bytes with the SHA-256 ${short(expected)}, found ${found ? short(found) : `no Uint8Array of them`}. Use the unaltered files of one export.`,
  );
}
