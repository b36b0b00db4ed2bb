/** @file model.json: what an exported model is, and that its files are those that were exported together. */

import { z } from 'zod';
import { spaceSchema } from '../rl/space-format.ts';
import { type ContextShape, QUERIES, type Tokenizer, type TokenLayout } from '../tokenizers/index.ts';
import { canonicalJson } from '../util/canonical.ts';
import { CadenzaError } from '../util/errors.ts';
import { byName, checkRecord, OTHER_VERSION, sha256Schema } from '../util/formats.ts';
import { portableSha256 } from '../util/sha256.ts';
import { headChoices } from './heads/index.ts';

export const MODEL_FORMAT = 'cadenza-model-3';

/** The graphs of an export. */
export const GRAPHS = ['act.onnx', 'compress.onnx', 'decode.onnx'] as const;
export type GraphName = (typeof GRAPHS)[number];

const natural = z.int().min(0);
const positive = z.int().min(1);
const text = z.string().max(1000);

/** The columns of a token row. */
const columns = z.strictObject({
  width: positive,
  fields: z.array(
    /** A field of a token: `size` columns from `offset` on. The column `presence` is 1 in rows that have the field, which is zeros in all others. */
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
  /** The family of tasks that it was trained on, and what an agent needs to know of it. */
  env: z.strictObject({ id: text, options: byName(z.json() as z.ZodType<unknown>).optional() }),
  observationSpace: spaceSchema,
  actionSpace: spaceSchema,
  /** What the actions are called, in their order, of a family that names them. */
  actionNames: z.array(text).optional(),
  /** What of the head is not settled by the action space: act.onnx gives rows of its distribution. */
  head: z
    .strictObject({
      kind: z.enum(headChoices()),
      bins: z.int().min(2).max(4096).optional(),
      autoregressive: z.boolean().optional(),
    })
    .optional(),
  /** Steps after which an episode is truncated. */
  horizon: positive,
  /** Transitions of a segment at most: what the query holds, and when it ends, the past is compressed. A whole episode when left out. */
  segment: positive.optional(),
  tokenizer: text,
  /** The columns of a token of `context` and of `query`. */
  tokens: z.strictObject({ context: columns, query: columns }),
  /** What the policy is asked about; the running episode when left out. */
  query: z.enum(QUERIES).optional(),
  /** Room before it for a few-shot prompt, whose tokens are the first of `query`; rows of zeros are none. */
  prompt: z.strictObject({ episodes: positive, length: positive }).optional(),
  /** Transitions that the compressor sees. */
  contextTransitions: natural,
  /** How they stand in its input; `window` when left out. */
  contextLayout: z.enum(['window', 'segments', 'best']).optional(),
  /** compress.onnx goes on from the latents before, which it takes as `state` (zeros at first); `contextTransitions` is one segment then. */
  recurrent: z.boolean().optional(),
  /** [M, D] of Z; null when nothing is carried between episodes, and then there is no compress.onnx. */
  latentShape: z.array(positive).length(2).nullable(),
  /**
   * Where Z is discrete: `shape` [M, G] codes, each below `size`. compress.onnx gives them as `codes` beside the latents, and decode.onnx
   * turns them back into latents.
   */
  codes: z.strictObject({ shape: z.array(positive).length(2), size: positive }).optional(),
  /** Where the model predicts future returns: how many, which act.onnx gives as `returns` beside the probabilities. */
  returns: z.strictObject({ episodes: positive }).optional(),
  /** Environments that the graphs act in at once. */
  streams: positive,
  /** Key of the stage that trained it. */
  trained: text,
  /**
   * The experiment that it was trained in: SHA-256 of the run's config.yaml, and of the keys of its training, validation and test tasks and of the
   * data set where there is one, as canonical JSON.
   */
  experiment: z.strictObject({ config: sha256Schema, tasks: sha256Schema }).optional(),
  /** SHA-256 of every graph. */
  files: z.strictObject({
    'act.onnx': sha256Schema.optional(),
    'compress.onnx': sha256Schema.optional(),
    'decode.onnx': sha256Schema.optional(),
  }),
  /** SHA-256 of the canonical JSON of everything else in here. */
  hash: sha256Schema,
});

type DeepReadonly<T> = T extends object ? { readonly [K in keyof T]: DeepReadonly<T[K]> } : T;

/** What model.json says: everything that drives the graphs next to it. */
export type ModelDescription = DeepReadonly<z.output<typeof schema>>;

/** What of the past the compressor sees at once. */
export function contextShape(of: Pick<ModelDescription, 'contextTransitions' | 'horizon' | 'segment' | 'contextLayout'>): ContextShape {
  const { contextTransitions, horizon, segment = horizon, contextLayout = 'window' } = of;
  return { contextTransitions, segment, contextLayout };
}

/** The columns of a tokenizer, as a description has them. */
export const tokenColumns = ({ context, query }: Pick<Tokenizer, 'context' | 'query'>): ModelDescription['tokens'] => {
  const columns = ({ width, fields }: TokenLayout): ModelDescription['tokens']['query'] => ({
    width,
    fields: fields.map(({ name, kind, offset, size, presence }) => ({ name, kind, offset, size, presence })),
  });
  return { context: columns(context), query: columns(query) };
};

/** A description with the hashes of its graphs, and its own, in the place of any that it had. */
export function sealDescription(
  { hash: _, ...description }: Omit<ModelDescription, 'format' | 'files' | 'hash'> & { readonly hash?: string },
  graphs: { readonly [name in GraphName]?: Uint8Array },
): ModelDescription {
  const present = Object.entries(graphs).filter((entry): entry is [GraphName, Uint8Array] => entry[1] !== undefined);
  const files = Object.fromEntries(present.map(([name, bytes]) => [name, portableSha256(bytes)]));
  const all = { ...description, format: MODEL_FORMAT, files } as const;
  return { ...all, hash: portableSha256(canonicalJson(all)) };
}

const ADVICE = 'Run the command that trained the model again in its folder: it exports it again, and trains nothing that is finished.';

const checkedSchema = schema.superRefine((model, context) => {
  const { files, latentShape, codes, actionSpace, actionNames, segment, horizon, recurrent } = model;
  const fault = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message });
  const needed: Record<GraphName, boolean> = {
    'act.onnx': true,
    'compress.onnx': latentShape !== null,
    'decode.onnx': codes !== undefined,
  };
  for (const name of GRAPHS)
    if ((files[name] !== undefined) !== needed[name]) fault('files', `expected ${needed[name] ? 'the' : 'no'} SHA-256 of ${name}`);
  if (actionNames && !(actionSpace.kind === 'discrete' && actionSpace.n === actionNames.length))
    fault('actionNames', 'expected one name an action');
  if (segment !== undefined && segment > horizon) fault('segment', `expected at most the ${horizon} steps of an episode`);
  if ((recurrent || codes) && !latentShape) fault('latentShape', 'expected the shape of the latents that are carried or coded');
  if (codes && latentShape && codes.shape[0] !== latentShape[0]) fault('codes.shape', `expected codes of ${latentShape[0]} latents`);
});

/** Model formats before this one. */
const EARLIER = /^cadenza-model-\d+$/;

/**
 * A description that fits its schema and its own hash.
 *
 * @param where what errors call it: its path, where there is one.
 * @throws `E_CHECKPOINT` naming the field, or saying that the file was altered.
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

/** Checks that these bytes are the graph of this name that was exported with the description. Throws `E_CHECKPOINT` otherwise. */
export function checkGraph({ files }: Pick<ModelDescription, 'files'>, name: GraphName, bytes: Uint8Array | undefined): void {
  const expected = files[name];
  if (bytes === undefined && expected === undefined) return;
  const found = bytes instanceof Uint8Array ? portableSha256(bytes) : undefined;
  if (found === expected) return;
  const short = (hash: string) => `${hash.slice(0, 12)}…`;
  throw new CadenzaError(
    'E_CHECKPOINT',
    expected === undefined
      ? `model.json describes a model without ${name}, so its bytes must be left out. Take the files of one export.`
      : `${name} is not what was exported with model.json: expected bytes with the SHA-256 ${short(expected)}, found ${found ? short(found) : `no Uint8Array of them`}. Take the files of one export, unaltered.`,
  );
}
