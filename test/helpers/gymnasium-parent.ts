/** @file A process with an environment of Gymnasium, which says that it plays and then ends, is killed, or goes on. For a test. */

import { environment } from '../../src/envs/index.ts';
import { Random } from '../../src/util/random.ts';

const [make, then] = process.argv.slice(2);
const family = environment('gymnasium', { make });
const env = family.make(family.tasks!(), Random.seeded(0));
env.reset();
const actions = new Int32Array(1);
if (then === 'hang') process.stdout.write('playing');
env.step(actions);
if (then === 'kill') process.kill(process.pid, 'SIGKILL');
