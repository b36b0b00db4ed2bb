/** @file Connections to Redis or Valkey: where it is, how to sign in, and whether it keeps what it is given. */

import { Redis, type RedisOptions } from 'ioredis';
import { attempt, CadenzaError } from '../../util/errors.ts';
import { readText } from '../../util/files.ts';

/** Where Redis is if nothing else says so. */
const HERE = 'redis://127.0.0.1:6379';

/** Environment variables: the address, the password, and a file with the password. */
const [ADDRESS, PASSWORD, PASSWORD_FILE] = ['CADENZA_REDIS', 'CADENZA_REDIS_PASSWORD', 'CADENZA_REDIS_PASSWORD_FILE'];

/** Milliseconds to connect, and then to answer. */
const [CONNECTING, ANSWERING] = [5_000, 5_000];

/**
 * The address of Redis without a password.
 *
 * @param given `redis://` or, with TLS, `rediss://`, with host, port and number of the database. Default: the variable CADENZA_REDIS, or this
 * machine.
 * @throws {CadenzaError} `E_USAGE` if it is not such an address or contains a password, which other users could see.
 */
export function redisAddress(given: string = process.env[ADDRESS] ?? HERE): string {
  const url = attempt(() => new URL(given));
  if (!url || !/^rediss?:$/.test(url.protocol) || !url.hostname || !/^(\/\d*)?$/.test(url.pathname))
    throw new CadenzaError('E_USAGE', `--redis ${given}: expected an address such as ${HERE}, or rediss://host:6380/0 with TLS.`);
  if (url.password)
    throw new CadenzaError(
      'E_USAGE',
      `leave the password out of the address of Redis, where others can see it. Set ${PASSWORD} or ${PASSWORD_FILE}.`,
    );
  return given;
}

/** Options of a connection. The password is that of the environment. */
function optionsOf(address: string): RedisOptions {
  const { protocol, hostname, port, pathname, username } = new URL(address);
  const file = process.env[PASSWORD_FILE];
  const secret = process.env[PASSWORD] ?? (file ? readText(file, 'E_CONFIG', `Correct ${PASSWORD_FILE}.`).trim() : undefined);
  return {
    host: hostname.replace(/^\[|\]$/g, ''),
    port: Number(port || 6379),
    db: Number(pathname.slice(1) || 0),
    ...(username ? { username: decodeURIComponent(username) } : {}),
    ...(secret ? { password: secret } : {}),
    ...(protocol === 'rediss:' ? { tls: {} } : {}),
    // Required by BullMQ: a command waits for as long as Redis is away.
    maxRetriesPerRequest: null,
  };
}

/**
 * Connects to Redis, and checks that it answers and keeps all keys.
 *
 * @param options.lasting reconnects whenever the connection is lost. Default: a lost connection is an error.
 * @throws {CadenzaError} `E_EXECUTOR` if it cannot be reached, refuses the password, or may drop keys when its memory is full.
 */
export async function connectRedis(address: string, { lasting = false } = {}): Promise<Redis> {
  const where = `Redis at ${address}`;
  const options = optionsOf(address);
  const first = new Redis({ ...options, lazyConnect: true, connectTimeout: CONNECTING, retryStrategy: () => null });
  let reason = '';
  first.on('error', (error: Error) => {
    reason = error.message;
  });
  const silent = setTimeout(() => {
    reason = `it did not answer for ${(CONNECTING + ANSWERING) / 1000} s`;
    first.disconnect();
  }, CONNECTING + ANSWERING);
  const info = await first
    .connect()
    // Selects the database again, because a refusal stays unnoticed in connect.
    .then(() => first.select(options.db ?? 0))
    .then(() => first.info('memory'))
    .finally(() => clearTimeout(silent))
    .catch((error: Error) => {
      first.disconnect();
      const said = reason || error.message;
      const signIn = /NOAUTH/.test(said)
        ? 'it needs a password'
        : /WRONGPASS|password/i.test(said)
          ? 'it refused the user or password'
          : '';
      const advice = signIn ? `Set ${PASSWORD} or ${PASSWORD_FILE}.` : 'Check --redis, and that it runs and can be reached from here.';
      throw new CadenzaError('E_EXECUTOR', `${where} cannot be used: ${signIn || said}. ${advice}`);
    });
  const policy = /^maxmemory_policy:(.*)$/m.exec(info)?.[1].trim();
  if (policy !== 'noeviction') {
    first.disconnect();
    throw new CadenzaError(
      'E_EXECUTOR',
      `${where} drops keys when its memory is full (maxmemory-policy ${policy}), so jobs could get lost. Set its maxmemory-policy to noeviction.`,
    );
  }
  if (!lasting) return first;
  first.disconnect();
  const connection = new Redis(options);
  // It reconnects by itself.
  connection.on('error', () => {});
  return connection;
}
