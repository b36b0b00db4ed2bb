/** @file A Redis of its own for tests, where redis-server is installed. */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { it } from 'vitest';

export const REDIS = spawnSync('redis-server', ['--version']).status === 0;

/** Says loudly that `what` was not tested where there is no Redis, and fails there if CI_REQUIRE_REDIS is set. */
export function expectRedis(what: string): void {
  if (REDIS) return;
  console.warn(`${what}: not tested, because redis-server is not installed`);
  it.runIf(process.env.CI_REQUIRE_REDIS)('has redis-server, because CI_REQUIRE_REDIS is set', () => {
    throw new Error('redis-server is not installed');
  });
}

/** A free port of this machine. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

/** A running server. */
export interface TestRedis {
  readonly url: string;
  /** Kills it, and starts it again with the data that it wrote. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts a server that writes every change to disk. */
export async function startRedis(...options: string[]): Promise<TestRedis> {
  const [port, folder] = [await freePort(), mkdtempSync(join(tmpdir(), 'cadenza-redis-'))];
  const lasting = ['--appendonly', 'yes', '--appendfsync', 'always', '--save', ''];
  let server: ChildProcess;
  const begin = async () => {
    server = spawn('redis-server', ['--port', String(port), '--dir', folder, ...lasting, ...options], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    let text = '';
    server.stdout!.setEncoding('utf8').on('data', piece => {
      text += piece;
    });
    while (!text.includes('Ready to accept connections')) await setTimeout(20);
  };
  const end = async (signal: NodeJS.Signals) => {
    server.kill(signal);
    await once(server, 'exit');
  };
  await begin();
  return {
    url: `redis://127.0.0.1:${port}`,
    async restart() {
      await end('SIGKILL');
      await begin();
    },
    stop: () => end('SIGTERM'),
  };
}
