/** @file A Python with gymnasium, where there is one. For tests. */

import { spawnSync } from 'node:child_process';
import { expect, it } from 'vitest';

const { CADENZA_PYTHON = 'python3', CI_REQUIRE_PYTHON } = process.env;

/** Whether the interpreter that cadenza runs has gymnasium. */
export const hasGymnasium = spawnSync(CADENZA_PYTHON, ['-c', 'import gymnasium'], { stdio: 'ignore' }).status === 0;

/** Says loudly that `what` was not tested where there is no gymnasium, and fails there if CI_REQUIRE_PYTHON is set. */
export function expectGymnasium(what: string): void {
  const missing = `NO GYMNASIUM FOUND: ${what} WAS NOT TESTED. Run \`python3 -m pip install gymnasium\`, or name an interpreter in CADENZA_PYTHON.`;
  if (!hasGymnasium) console.warn(`\n${'!'.repeat(80)}\n${missing}\n${'!'.repeat(80)}\n`);
  it.runIf(CI_REQUIRE_PYTHON)('has a Python with gymnasium, because CI_REQUIRE_PYTHON is set', () => {
    expect(hasGymnasium, missing).toBe(true);
  });
}
