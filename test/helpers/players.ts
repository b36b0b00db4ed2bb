/** @file Opens the playground's models in Node, for sessions without a page. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkDescription } from '../../src/policy/index.ts';
import { openAgent } from '../../src/policy/open.ts';
import { modelPlayer } from '../../web/src/play/player.ts';
import { Session, type Setup } from '../../web/src/play/session.ts';
import { worldOf } from '../../web/src/play/worlds.ts';
import { ROOT } from './command.ts';

/** Where the agents are that come with the playground. */
export const AGENTS = join(ROOT, 'web/public/agents');

/** Opens a session with models from a folder of models. */
export function openSession(setup: Setup, folder = AGENTS): Promise<Session> {
  return Session.open(setup, async name => {
    const description = checkDescription(JSON.parse(readFileSync(join(folder, name, 'model.json'), 'utf8')));
    return modelPlayer(name, worldOf(setup.world, setup.options), { description, load: () => openAgent(join(folder, name)) });
  });
}
