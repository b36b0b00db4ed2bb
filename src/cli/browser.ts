/** @file Opens the user's browser. */

import { spawn } from 'node:child_process';

/** Programs that open an address, by platform. */
const OPENERS: Partial<Record<NodeJS.Platform, readonly [string, ...string[]]>> = {
  darwin: ['open'],
  win32: ['cmd', '/c', 'start', ''],
  linux: ['xdg-open'],
};

/** Opens an address, if this machine has a way to. The address was printed, so failing to open it is no error. */
export function openBrowser(url: string): void {
  const [program, ...given] = OPENERS[process.platform] ?? [];
  if (!program) return;
  const child = spawn(program, [...given, url], { stdio: 'ignore', detached: true });
  child.on('error', () => {});
  child.unref();
}
