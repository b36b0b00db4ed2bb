/**
 * @file Sentences with numbers from a run. A sentence never contains a number itself but its path, `<config/model/width>`, and the written text records
 * where each numeral came from, so that a paper can be checked against the run.
 *
 *   <path>        the value: a number, a text, or a list of these
 *   <path|step>   the value with a noun that agrees with it: 1 step, 20 steps
 *   <path:3>      a number with three decimals        <path:M>     in millions, with three digits: 9.26
 *   <path:tt>     a text in typewriter                <path:task>  the key of a task, shortened
 *   <path:name>   the last part of the path itself: the name of a method
 *   <path:place>  the same as a position, counted from 1: the number of an episode
 */

import { invariant } from '../../util/errors.ts';
import { hasWidth } from '../tables/format.ts';
import { escapeTex } from './escape.ts';
import { type Facts, lookUp } from './facts.ts';

/** One numeral or text as it was written, and its path. */
export interface Citation {
  text: string;
  path: string;
  /** Divisor of the value before it was written. */
  scale?: number;
  /** The text is not the value but the last part of the path: a name or a position, counted from 1. */
  of?: 'name' | 'place';
}

export interface Written {
  readonly text: string;
  readonly citations: readonly Citation[];
}

const PLACEHOLDER = /<([A-Za-z][\p{L}\p{M}\p{N}_+./ -]*?)(?::([A-Za-z0-9]+))?(?:\|([\w -]+))?>/gu;

/** The same sentences with paths relative to a base: `<options/size>` becomes `<setting/environment/options/size>`. */
export const rebase = (sentences: string, base: string): string => sentences.replace(PLACEHOLDER, whole => `<${base}/${whole.slice(1)}`);

/** Longest key of a task in a table, in characters. */
const LONGEST_KEY = 32;

const SCALES: Readonly<Record<string, number>> = { k: 1e3, M: 1e6, Ki: 1024 };

/** Writes a sentence; undefined if the run did not record one of its numbers. */
export function write(facts: Facts, sentence: string): Written | undefined {
  const citations: Citation[] = [];
  let recorded = true;
  const text = withoutEmptyIntervals(facts, sentence).replace(PLACEHOLDER, (_, path: string, format?: string, noun?: string) => {
    const value = lookUp(facts, path);
    if (format === 'name' || format === 'place') {
      const last = path.slice(path.lastIndexOf('/') + 1);
      const shown = format === 'name' ? last : String(Number(last) + 1);
      citations.push({ text: shown, path, of: format });
      return format === 'name' ? `\\texttt{${escapeTex(shown)}}` : `\\num{${shown}}`;
    }
    if (value === undefined) recorded = false;
    else if (Array.isArray(value)) return enumeration(value.map((each, i) => cite(each, `${path}/${i}`, format)));
    else return `${cite(value, path, format)}${noun === undefined ? '' : `~${value === 1 ? noun : plural(noun)}`}`;
    return '';
  });
  return recorded ? { text, citations } : undefined;

  function cite(value: unknown, path: string, format: string | undefined): string {
    if (typeof value === 'string') {
      const text = format === 'task' ? shortKey(value) : value;
      citations.push({ text, path });
      if (format === 'task') return `\\texttt{${escapeTex(text)}${text === value ? '' : '\\ldots'}}`;
      return format === 'tt' ? `\\texttt{${breakable(escapeTex(text))}}` : escapeTex(text);
    }
    invariant(
      typeof value === 'number',
      `paper: expected a number, a text or a list of these at "${path}", found ${JSON.stringify(value)}.`,
    );
    const scale = format && SCALES[format];
    const shown = numeral(value, format);
    citations.push({ text: shown, path, scale: scale || undefined });
    return `\\num{${shown}}`;
  }
}

const INTERVAL = /\[<([^<>:]+):\d>, <([^<>:]+):\d>\]/g;

/** Replaces intervals without width by a dash, as in all reports. */
const withoutEmptyIntervals = (facts: Facts, sentence: string): string =>
  sentence.replace(INTERVAL, (whole, ...paths: string[]) => {
    const [low, high] = paths.slice(0, 2).map(path => lookUp(facts, path));
    return typeof low !== 'number' || typeof high !== 'number' || hasWidth(low, high) ? whole : '[--]';
  });

/** Shortens the key of a task, which may have many numbers, after one of its first ones. */
function shortKey(key: string): string {
  if (key.length <= LONGEST_KEY) return key;
  const comma = key.lastIndexOf(',', LONGEST_KEY);
  return comma > 0 ? key.slice(0, comma) : key.slice(0, LONGEST_KEY);
}

function numeral(value: number, format: string | undefined): string {
  if (format === undefined) return String(value);
  const scale = SCALES[format];
  if (scale) return String(Number((value / scale).toPrecision(3)));
  return value.toFixed(Number(format));
}

/** Sentences as one paragraph, without those that are false or undefined or miss a number. */
export function paragraph(facts: Facts, sentences: readonly (string | false | undefined)[]): Written | undefined {
  const said = sentences.filter(sentence => typeof sentence === 'string').map(sentence => write(facts, sentence));
  return join(said, ' ');
}

/** Concatenates parts, which may be texts without numbers; undefined if all are empty. */
export function join(parts: readonly (Written | string | false | undefined)[], separator: string): Written | undefined {
  const there = parts
    .map(part => (typeof part === 'string' ? { text: part, citations: [] } : part))
    .filter((part): part is Written => Boolean(part && part.text !== ''));
  if (there.length === 0) return undefined;
  return { text: there.map(({ text }) => text).join(separator), citations: there.flatMap(({ citations }) => citations) };
}

/** a, b and c. */
export function enumeration(parts: readonly string[]): string {
  if (parts.length < 2) return parts.join('');
  return `${parts.slice(0, -1).join(', ')} and ${parts[parts.length - 1]}`;
}

const plural = (noun: string): string => (/[^aeiou]y$/.test(noun) ? `${noun.slice(0, -1)}ies` : `${noun}s`);

/** Allows line breaks in a long typewriter text, after separators and within hashes; LaTeX does not hyphenate them. */
const breakable = (text: string): string => text.replace(/([/=,-]|[0-9a-f]{8}(?=[0-9a-f]))/g, '$1\\allowbreak{}');
