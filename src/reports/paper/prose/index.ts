/** @file What a Methods section says of the kinds that an experiment chose: sentences in LaTeX, with <names> as in `write.ts`. */

import type { ExperimentConfig } from '../../../config/experiment.ts';
import type { Kind, Kinds } from '../../../records/index.ts';
import { escapeTex } from '../escape.ts';
import { BASELINES } from './baselines.ts';
import { COMPRESSORS } from './compressors.ts';
import { ENVIRONMENTS } from './environments.ts';
import { HEADS } from './heads.ts';
import { LATENTS, type LatentProse } from './latents.ts';
import { SOURCES } from './sources.ts';
import { TERMS, type TermProse } from './terms.ts';

/** The full-context teacher: what stands in the compressor's place. */
export const TEACHER: string = COMPRESSORS.full;

/** Names begin where the setting of the environment does. */
export const environmentProse = (kind: Kind): string => own(ENVIRONMENTS, kind, undefined) ?? `The environment is ${plain(kind)}`;

/** Ends "The source is …"; further sentences may follow. Names begin where the setting of the source does. */
export const sourceProse = (kind: NonNullable<Kinds['source']>): string => own(SOURCES, kind, kind.options) ?? plain(kind);

/** Names begin at the configuration, here and below. */
export const compressorProse = (kind: Kind, compression: ExperimentConfig['compression']): string =>
  own(COMPRESSORS, kind, compression) ?? `The compressor is ${plain(kind)}`;

export const latentProse = (kind: Kinds['latents']): LatentProse =>
  own(LATENTS, kind, undefined) ?? {
    form: `The kind of latents is ${plain(kind)}`,
    ...(kind.capacity ? { capacity: 'the $R(Z)$ of this kind of latents' } : {}),
  };

export const headProse = ({ dimensions, ...kind }: Kinds['head'], { autoregressive }: ExperimentConfig['policy']['head']): string =>
  own(HEADS, kind, { dimensions, autoregressive }) ?? `The head for actions is ${plain(kind)}`;

export const baselineProse = (kind: Kind): string => own(BASELINES, kind, undefined) ?? `The baseline is ${plain(kind)}`;

/** Symbols of a term of a loss. */
export const termProse = (term: string): TermProse =>
  Object.hasOwn(TERMS, term)
    ? TERMS[term]
    : { symbol: String.raw`w_\mathrm{${escapeTex(term)}}`, loss: String.raw`\mathcal{L}_\mathrm{${escapeTex(term)}}` };

/** The words of a built-in kind: they stand in the table, or follow from values. Undefined for a kind that the table does not have. */
function own<T, W extends string | object>(
  table: Readonly<Record<string, W | ((values: T) => W)>>,
  { id }: Kind,
  values: T,
): W | undefined {
  if (!Object.hasOwn(table, id)) return undefined;
  const words = table[id];
  return typeof words === 'function' ? words(values) : words;
}

/** The end of a sentence about a kind without prose: its id and its description. */
const plain = ({ id, description }: Kind): string => String.raw`\texttt{${escapeTex(id)}}: ${escapeTex(description.replace(/\.$/, ''))}.`;
