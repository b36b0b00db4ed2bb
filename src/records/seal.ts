/** @file The hash in results of their own content, so that altered results are noticed. */

import { canonicalJson } from '../util/canonical.ts';
import { CadenzaError } from '../util/errors.ts';
import { checkRecord, type RecordFormat } from '../util/formats.ts';
import { portableSha256 } from '../util/sha256.ts';
import type { RunRecord } from './results-format.ts';

const ADVICE = 'Run the same command again with the same folder; finished stages are not repeated.';

/** Adds the hash of the content to results, or replaces it. */
export function sealResults<R extends { readonly run: RunRecord }>(results: R): R {
  const { hash: _, ...run } = results.run;
  return { ...results, run: { ...run, hash: portableSha256(canonicalJson({ ...results, run })) } };
}

/**
 * Checks the format of results and, if they have a hash, that it is the hash of their content.
 *
 * @throws {CadenzaError} `E_DATA` for another format, or content that was altered.
 */
export function checkSealed<R extends { readonly run: RunRecord }>(
  value: unknown,
  where: string,
  format: Omit<RecordFormat<R>, 'advice'>,
): R {
  const found = checkRecord(value, where, { ...format, advice: ADVICE });
  const { hash } = found.run;
  const own = sealResults(found).run.hash!;
  if (hash === undefined || hash === own) return found;
  throw new CadenzaError(
    'E_DATA',
    `${where} was altered after it was written: expected the hash ${hash.slice(0, 12)}…, found ${own.slice(0, 12)}…. ${ADVICE}`,
  );
}
