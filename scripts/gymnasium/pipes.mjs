/**
 * @file The thread that owns the pipes of bridge.py, so that the calling thread can block: it sleeps until this thread has posted an answer and
 * set the flag. Plain JavaScript, because it runs both from the sources and from the package.
 */

import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { workerData } from 'node:worker_threads';

/** Size of a header in bytes; number of characters of Python's standard error to keep; maximum size of an answer in bytes. */
const [HEADER, TAIL, MOST] = [8, 2000, 2 ** 30];

const { python, limit, port, flag } = workerData;
const child = spawn(python, [fileURLToPath(new URL('bridge.py', import.meta.url)), String(limit)], { windowsHide: true });
let [chunks, received, said] = [[], 0, ''];
/** Why the process ended. */
let ended;
/** Whether the calling thread is waiting. */
let awaited = false;
/** Whether it said something else than answers. It may still answer before it is gone. */
let refused = false;

function answer(message) {
  awaited = false;
  port.postMessage(message, message.body ? [message.body.buffer] : []);
  Atomics.add(flag, 0, 1);
  Atomics.notify(flag, 0);
}

function end(how) {
  ended ??= { ended: how, said };
  if (awaited) answer(ended);
}

child.on('error', ({ message, code }) => end({ message, missing: code === 'ENOENT' || code === 'EACCES' }));
child.on('close', (code, signal) => end({ message: signal ?? `exit status ${code}`, signal }));
// The exit handler reports it.
child.stdin.on('error', () => {});
child.stderr.on('data', chunk => {
  said = `${said}${chunk}`.slice(-TAIL);
});
child.stdout.on('data', chunk => {
  if (refused) return;
  chunks.push(chunk);
  received += chunk.length;
  if (received < HEADER) return;
  if (chunks[0].length < HEADER) chunks = [Buffer.concat(chunks)];
  const length = chunks[0].readUInt32LE(0);
  if (received < HEADER + length && length <= MOST) return;
  const all = Buffer.concat(chunks);
  [chunks, received] = [[], 0];
  refused = all.length !== HEADER + length;
  if (refused) child.kill('SIGKILL');
  else answer({ failed: all.readUInt32LE(4) !== 0, body: new Uint8Array(all.subarray(HEADER)) });
});
port.on('message', request => {
  awaited = true;
  if (ended) answer(ended);
  else if (request === 'kill') child.kill('SIGKILL');
  else child.stdin.write(request);
});
