import { isatty } from 'node:tty';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';

vi.mock('node:tty', () => ({ isatty: vi.fn() }));

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const before = SIGNALS.map(name => process.listeners(name));
const stderr = vi.spyOn(process.stderr, 'write');
const exit = vi.spyOn(process, 'exit');
const clock = vi.spyOn(performance, 'now');

/** As in a process that begins, on a terminal or without one. */
async function begin({ terminal }: { terminal: boolean }) {
  vi.resetModules();
  vi.mocked(isatty).mockReturnValue(terminal);
  const { interruptSignal, interruptStatus } = await import('./signals.ts');
  const signal = interruptSignal('go on');
  const receive = (name: (typeof SIGNALS)[number], after = 0) => {
    clock.mockReturnValue(after);
    for (const listener of process.listeners(name)) if (!before[SIGNALS.indexOf(name)].includes(listener)) listener(name);
    return signal.aborted ? (signal.reason as Error).message : undefined;
  };
  return { receive, interruptStatus };
}

beforeEach(() => {
  stderr.mockReturnValue(true);
  exit.mockImplementation((() => {}) as never);
});
afterEach(() => {
  for (const [i, name] of SIGNALS.entries())
    for (const listener of process.listeners(name)) if (!before[i].includes(listener)) process.off(name, listener);
  vi.clearAllMocks();
});

it.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const)('%s asks to save, and a second stop ends the process', async (name, status) => {
  const { receive, interruptStatus } = await begin({ terminal: true });
  expect(receive(name)).toContain(name);
  expect(interruptStatus()).toBe(status);
  expect(exit).not.toHaveBeenCalled();
  receive('SIGINT', 2000);
  expect(exit).toHaveBeenCalledExactlyOnceWith(status);
});

it('replaces what ends any other command, and says how to go on', async () => {
  vi.resetModules();
  const { continues, endOnSignal, interruptSignal } = await import('./signals.ts');
  endOnSignal();
  interruptSignal();
  for (const [i, name] of SIGNALS.entries()) expect(process.listenerCount(name)).toBe(before[i].length + 1);
  expect(continues({ fresh: true })).toContain('--fresh');
  expect(continues({ fresh: false })).not.toContain('--fresh');
});

it('counts one stop that arrives twice once, from npm or timeout(1), and a closed terminal always once', async () => {
  const { receive } = await begin({ terminal: true });
  receive('SIGTERM');
  receive('SIGTERM', 20);
  receive('SIGHUP', 2000);
  expect(exit).not.toHaveBeenCalled();
});

it('takes no notice of SIGHUP without a terminal, as under nohup', async () => {
  const { receive } = await begin({ terminal: false });
  expect(receive('SIGHUP')).toBe(undefined);
  // Without a listener it would end the process, whatever nohup asked for: Node resets that.
  expect(process.listenerCount('SIGHUP')).toBeGreaterThan(before[2].length);
  expect(receive('SIGINT')).toMatch(/SIGINT/);
});
