/** @file The curve of what was measured on validation tasks in the course of training, as the stage that was trained keeps it. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { METRICS } from './trainer.ts';

/** Measurements by training step. */
export interface ValidationCurve {
  readonly step: number[];
  /** By what was measured, a column each. */
  readonly values: Readonly<Record<string, number[]>>;
}

/** Reads the lines that the probe of a training wrote among its metrics: those of steps before an interruption stand there, too. */
export function validationCurve(folder: string): ValidationCurve {
  const rows = readFileSync(join(folder, METRICS), 'utf8')
    .split('\n')
    .filter(Boolean)
    .map(line => JSON.parse(line) as { step: number; validation?: Record<string, number> })
    .flatMap(({ step, validation }) => (validation ? [{ step, validation }] : []));
  const names = Object.keys(rows[0].validation);
  return {
    step: rows.map(({ step }) => step),
    values: Object.fromEntries(names.map(name => [name, rows.map(({ validation }) => validation[name])])),
  };
}
