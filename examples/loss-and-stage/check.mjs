// Reads the results of the run and checks them.
import assert from 'node:assert/strict';
import { openResults } from 'cadenza';

const { results } = openResults('runs/polish');
const { final, byEpisode } = results.methods.polished;
console.log(`polished: episode 1 ${byEpisode.mean[0].toFixed(2)}, last episodes ${final.mean.toFixed(2)} of the oracle's return`);
assert(final.mean > 0.7);
