/** @file Reads the JSON files that cadenza writes. Node only; formats.ts describes them and checks values from other places. */

import { readJson } from './files.ts';
import { checkRecord, type RecordFormat } from './formats.ts';

export { checkRecord, type RecordFormat };

/**
 * Reads and checks a JSON record.
 *
 * @throws {CadenzaError} the format's code, naming the file, the field, what was expected and what to do, if the file is missing, is not
 * JSON or does not fit the schema.
 * @example const { steps } = readRecord('budget.json', { what: 'a budget', schema: z.strictObject({ steps: z.int() }), advice: 'Run again.'
 * })
 */
export function readRecord<T>(path: string, format: RecordFormat<T>): T {
  return checkRecord(readJson(path, format.code ?? 'E_DATA', format.advice), path, format);
}
