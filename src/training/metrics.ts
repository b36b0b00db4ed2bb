/** @file metrics.jsonl of a training stage: a line for every few steps, and one for each validation. */

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { appendText, writeFileAtomic } from '../util/files.ts';

const FILE = 'metrics.jsonl';

type Numbers = Readonly<Record<string, number>>;

export class MetricsLog {
  readonly #path: string;
  #waiting = '';

  /** Goes on after so many steps; the metrics of later ones, which are done again, are dropped. */
  constructor(folder: string, steps: number) {
    this.#path = join(folder, FILE);
    if (!existsSync(this.#path)) return;
    const kept = readFileSync(this.#path, 'utf8')
      .split('\n')
      .filter(line => line && stepOf(line) <= steps);
    writeFileAtomic(this.#path, kept.map(line => `${line}\n`).join(''));
  }

  /** Adds the numbers of a step, and gives them as they are written. */
  add(step: number, numbers: Numbers): Numbers {
    const row = Object.fromEntries(Object.entries(numbers).map(([name, value]) => [name, Number(value.toPrecision(7))]));
    this.#waiting += `${JSON.stringify({ step, ...row })}\n`;
    return row;
  }

  addValidation(step: number, validation: Numbers): void {
    this.#waiting += `${JSON.stringify({ step, validation })}\n`;
  }

  /** Writes what was added. */
  flush(): void {
    if (this.#waiting) appendText(this.#path, this.#waiting);
    this.#waiting = '';
  }
}

/** A line that a killed process left half-written belongs to no step. */
function stepOf(line: string): number {
  try {
    return JSON.parse(line).step;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

/** Measurements by training step. */
export interface ValidationCurve {
  readonly step: number[];
  /** By what was measured, a column each. */
  readonly values: Readonly<Record<string, number[]>>;
}

/** Reads the lines that the probe of a training wrote among its metrics: those of steps before an interruption stand there, too. */
export function validationCurve(folder: string): ValidationCurve {
  const rows = readFileSync(join(folder, FILE), 'utf8')
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
