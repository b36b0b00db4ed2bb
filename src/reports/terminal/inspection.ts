/** @file A look inside on a terminal: text in, text out. */

import { type Inspection, isMissing, type Missing } from '../../records/index.ts';
import { wantsColor } from '../../util/color.ts';
import { wrap } from '../../util/text.ts';
import type { TextTable } from '../tables/format.ts';
import {
  attentionLines,
  PROBE_NOTE,
  probeTable,
  reconstructionTable,
  subjectLine,
  TRANSPLANT_NOTE,
  transplantTableText,
} from '../tables/inspection.ts';
import { painter, type TerminalOptions, table } from './results.ts';

/** Columns that the names of a table of probes take, and each moment beside them. */
const [NAMES, MOMENT] = [26, 6];

/** The whole summary. */
export function formatInspection(
  inspection: Inspection,
  { width = process.stdout.columns ?? 80, color = wantsColor() }: TerminalOptions = {},
): string {
  const paint = painter(color);
  const { name, reconstruction, probes, transplants, attention, bars } = inspection;
  const text = ({ heads, rows }: TextTable) => table(heads, rows, paint);
  const section = <T extends object>(title: string, found: T | Missing, parts: (found: T) => string[]): string[] => [
    paint('bold', title),
    ...(isMissing(found) ? [wrap(found.missing, width)] : parts(found as T)),
  ];
  const parts = [
    wrap(`${name}: ${subjectLine(inspection)}`, width),
    ...section('What can be given back of Z', reconstruction, found => [
      text(reconstructionTable(found.fields)),
      wrap(`After ${found.after} episodes, over all ages. ${found.decoder}`, width),
    ]),
    ...section('What can be read from Z of the hidden task', probes, found => [
      ...found.factors.flatMap(factor => [
        `${factor.name} (${factor.measure})`,
        text(probeTable(factor, found, Math.max(2, Math.floor((width - NAMES) / MOMENT)))),
      ]),
      wrap(PROBE_NOTE(found), width),
    ]),
    ...section('What another memory makes the student do', transplants, found => [
      text(transplantTableText(found)),
      wrap(TRANSPLANT_NOTE, width),
    ]),
    ...section('Where its queries look', attention, found => attentionLines(found).map(line => wrap(line, width))),
    wrap(bars, width),
  ];
  return `${parts.join('\n\n')}\n`;
}
