/** @file A Python with packages that some tests need, where there is one. For tests. */

import { spawnSync } from 'node:child_process';
import { expect, it } from 'vitest';

const { CADENZA_PYTHON, CI_REQUIRE_PYTHON } = process.env;

/** The interpreter that cadenza runs. */
export const PYTHON = CADENZA_PYTHON ?? 'python3';

/** Whether that interpreter has the module. */
export const hasModule = (name: string): boolean => spawnSync(PYTHON, ['-c', `import ${name}`], { stdio: 'ignore' }).status === 0;

/** Whether it has gymnasium. */
export const hasGymnasium = hasModule('gymnasium');

/** Says loudly that `what` was not tested where the module is missing, and fails there if CI_REQUIRE_PYTHON is set. */
export function expectModule(name: string, what: string, has: boolean = hasModule(name)): void {
  const missing = `NO ${name.toUpperCase()} FOUND: ${what} WAS NOT TESTED. Run \`python3 -m pip install ${name}\`, or name an interpreter in CADENZA_PYTHON.`;
  if (!has) console.warn(`\n${'!'.repeat(80)}\n${missing}\n${'!'.repeat(80)}\n`);
  it.runIf(CI_REQUIRE_PYTHON)(`has a Python with ${name}, because CI_REQUIRE_PYTHON is set`, () => {
    expect(has, missing).toBe(true);
  });
}

/** The same for gymnasium. */
export const expectGymnasium = (what: string): void => expectModule('gymnasium', what, hasGymnasium);
