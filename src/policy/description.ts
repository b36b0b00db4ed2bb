/** @file model.json: what an exported model is, and that its files are those that were exported together. */

import { z } from 'zod';
import type { Space } from '../rl/index.ts';
import { spaceSchema } from '../rl/space-format.ts';
import {
  type ContextForm,
  type ContextShape,
  type Field,
  type PromptShape,
  QUERIES,
  type QueryKind,
  type Tokenizer,
  type TokenLayout,
} from '../tokenizers/index.ts';
import { canonicalJson } from '../util/canonical.ts';
import { CadenzaError } from '../util/errors.ts';
import { byName, checkRecord, fields, type RecordFormat, sha256Schema } from '../util/formats.ts';
import { portableSha256 } from '../util/sha256.ts';
import { type HeadChoice, headChoices } from './heads/index.ts';

export const MODEL_FORMAT = 'cadenza-model-2';

/** The graphs of an export. */
export const GRAPHS = ['act.onnx', 'compress.onnx', 'decode.onnx'] as const;
export type GraphName = (typeof GRAPHS)[number];

/** A field of a token: `size` columns from `offset` on. The column `presence` is 1 in rows that have the field, which is zeros in all others. */
export type TokenField = Pick<Field, 'name' | 'kind' | 'offset' | 'size' | 'presence'>;

/** The columns of a token row. */
export interface TokenColumns {
  readonly width: number;
  readonly fields: readonly TokenField[];
}

/** What model.json says: everything that drives the graphs next to it. */
export interface ModelDescription {
  readonly format: typeof MODEL_FORMAT;
  /** The family of tasks that it was trained on, and what an agent needs to know of it. */
  readonly env: { readonly id: string; readonly options?: Readonly<Record<string, unknown>> };
  readonly observationSpace: Space;
  readonly actionSpace: Space;
  /** What the actions are called, in their order, of a family that names them. */
  readonly actionNames?: readonly string[];
  /** What of the head is not settled by the action space: act.onnx gives rows of its distribution. */
  readonly head?: HeadChoice;
  /** Steps after which an episode is truncated. */
  readonly horizon: number;
  /** Transitions of a segment at most: what the query holds, and when it ends, the past is compressed. A whole episode when left out. */
  readonly segment?: number;
  readonly tokenizer: string;
  /** The columns of a token of `context` and of `query`. */
  readonly tokens: { readonly context: TokenColumns; readonly query: TokenColumns };
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
  /** The experiment that it was trained in. */
  readonly experiment?: {
    /** SHA-256 of the run's config.yaml. */
    readonly config: string;
    /** SHA-256 of the keys of its training, validation and test tasks, and of the data set where there is one, as canonical JSON. */
    readonly tasks: string;
  };
  /** SHA-256 of every graph. */
  readonly files: { readonly [name in GraphName]?: string };
  /** SHA-256 of the canonical JSON of everything else in here. */
  readonly hash: string;
}

/** What of the past the compressor sees at once. */
export const contextShape = ({
  contextTransitions,
  horizon,
  segment = horizon,
  form = 'window',
}: Pick<ModelDescription, 'contextTransitions' | 'horizon' | 'segment' | 'form'>): ContextShape => ({ contextTransitions, segment, form });

/** The columns of a tokenizer, as a description has them. */
export const tokenColumns = ({ context, query }: Pick<Tokenizer, 'context' | 'query'>): ModelDescription['tokens'] => {
  const columns = ({ width, fields }: TokenLayout): TokenColumns => ({
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

const natural = z.int().min(0);
const positive = z.int().min(1);
const text = z.string().max(1000);
const columns = fields<TokenColumns>({
  width: positive,
  fields: z.array(
    fields<TokenField>({
      name: text,
      kind: z.enum(['categorical', 'scalar', 'vector', 'image']),
      offset: natural,
      size: positive,
      presence: natural,
    }),
  ),
});

const ADVICE = 'Run the command that trained the model again in its folder: it exports it again, and trains nothing that is finished.';

/** model.json. */
export const MODEL: RecordFormat<ModelDescription> = {
  what: `the description of an exported model (${MODEL_FORMAT})`,
  code: 'E_CHECKPOINT',
  advice: ADVICE,
  schema: fields<ModelDescription>({
    format: z.literal(MODEL_FORMAT),
    env: fields<ModelDescription['env']>({ id: text, options: byName(z.json() as z.ZodType<unknown>).optional() }),
    observationSpace: spaceSchema,
    actionSpace: spaceSchema,
    actionNames: z.array(text).optional(),
    head: fields<HeadChoice>({
      kind: z.enum(headChoices()),
      bins: z.int().min(2).max(4096).optional(),
      autoregressive: z.boolean().optional(),
    }).optional(),
    horizon: positive,
    segment: positive.optional(),
    tokenizer: text,
    tokens: fields<ModelDescription['tokens']>({ context: columns, query: columns }),
    query: z.enum(QUERIES).optional(),
    prompt: fields<PromptShape>({ episodes: positive, length: positive }).optional(),
    contextTransitions: natural,
    form: z.enum(['window', 'segments', 'best']).optional(),
    carries: z.boolean().optional(),
    latentShape: z.array(positive).length(2).nullable(),
    codes: fields<NonNullable<ModelDescription['codes']>>({ shape: z.array(positive).length(2), size: positive }).optional(),
    returns: fields<NonNullable<ModelDescription['returns']>>({ episodes: positive }).optional(),
    streams: positive,
    trained: text,
    experiment: fields<NonNullable<ModelDescription['experiment']>>({ config: sha256Schema, tasks: sha256Schema }).optional(),
    files: fields<ModelDescription['files']>({
      'act.onnx': sha256Schema.optional(),
      'compress.onnx': sha256Schema.optional(),
      'decode.onnx': sha256Schema.optional(),
    }),
    hash: sha256Schema,
  }).superRefine((model, context) => {
    const { files, latentShape, codes, actionSpace, actionNames, segment, horizon, carries } = model;
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
    if ((carries || codes) && !latentShape) fault('latentShape', 'expected the shape of the latents that are carried or coded');
    if (codes && latentShape && codes.shape[0] !== latentShape[0]) fault('codes.shape', `expected codes of ${latentShape[0]} latents`);
  }),
};

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
    throw new CadenzaError('E_CHECKPOINT', `${where} has the format "${data.format.slice(0, 100)}", expected "${MODEL_FORMAT}". ${ADVICE}`);
  const description = checkRecord(value, where, MODEL);
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
