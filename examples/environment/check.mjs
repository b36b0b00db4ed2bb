// Reads the results of the run and checks them.
import assert from 'node:assert/strict';
import { openResults } from 'cadenza';

const { results } = openResults('runs/grid');
const { cad, none, source } = results.methods;
const last = method => method.byEpisode.raw?.at(-1) ?? method.final.mean;
console.log(`last episodes: cad ${last(cad).toFixed(2)}, without a past ${last(none).toFixed(2)}, the source ${last(source).toFixed(2)}`);
assert(cad.final.mean > 2 * none.final.mean);
