/** @file Objects in a bucket of S3 or a compatible store: read and written whole, with further tries where a request fails. */

import { createHash } from 'node:crypto';
import { createWriteStream, renameSync, rmSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout } from 'node:timers/promises';
import type { S3mini } from 's3mini';
import { attempt, CadenzaError } from '../../util/errors.ts';

/** Environment variables with the address of the service, and how to sign in. */
const [ENDPOINTS, REGIONS, ID, SECRET, TOKEN] = [
  ['AWS_ENDPOINT_URL_S3', 'AWS_ENDPOINT_URL'],
  ['AWS_REGION', 'AWS_DEFAULT_REGION'],
  'AWS_ACCESS_KEY_ID',
  'AWS_SECRET_ACCESS_KEY',
  'AWS_SESSION_TOKEN',
] as const;

const REGION = 'us-east-1';

/** Files above this size are written in parts of this size. */
const PART = 2 ** 26;

/** How often a request is tried, and the milliseconds of the first pause between tries, which doubles. */
const [TRIES, PAUSE] = [7, 100];

/** Milliseconds after which a request counts as failed, in which a whole file must be read. */
const LONGEST = 600_000;

/** An object in a list. */
export interface ListedObject {
  readonly name: string;
  /** Changes with its content. */
  readonly tag: string;
}

/** A bucket, or the part of it below a prefix. */
export interface Bucket {
  /** Such as `s3://bucket/prefix`. */
  readonly address: string;
  /** The objects whose names start with `prefix`. */
  list(prefix: string): Promise<readonly ListedObject[]>;
  /** Reads a text; undefined if there is no such object. */
  read(name: string): Promise<string | undefined>;
  /** Reads an object to a file, which then exists whole or not at all; returns its SHA-256, or undefined if there is no such object. */
  download(name: string, file: string): Promise<string | undefined>;
  write(name: string, content: Uint8Array | string): Promise<void>;
  /** Writes a file as an object, which then exists whole or not at all. */
  upload(name: string, file: string): Promise<void>;
  remove(name: string): Promise<void>;
}

/** Whether a text is an address of a bucket or of an object, and not a path. */
export const isAddress = (text: string): boolean => text.startsWith('s3://');

/**
 * The bucket and prefix of an address such as `s3://bucket/prefix`.
 *
 * @throws {CadenzaError} `E_USAGE` if it is not such an address.
 */
export function parseAddress(address: string): { readonly bucket: string; readonly prefix: string } {
  const [, bucket, path = ''] = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/(.*))?$/.exec(address) ?? [];
  if (!bucket || /(^|\/)\.{0,2}(\/|$)/.test(path.replace(/\/$/, '') || 'x') || /[^\w./-]/.test(path))
    throw new CadenzaError('E_USAGE', `--store ${address}: expected the address of a bucket, such as s3://bucket or s3://bucket/prefix.`);
  return { bucket, prefix: path === '' || path.endsWith('/') ? path : `${path}/` };
}

const firstOf = (names: readonly string[]) => names.map(name => process.env[name]).find(Boolean);

/**
 * Opens a bucket. The service, the region and the credentials are those of the environment, as for other programs that use S3.
 *
 * @throws {CadenzaError} `E_USAGE` if the address or the environment is not valid; `E_DISK` if the bucket cannot be used.
 */
export async function openBucket(address: string): Promise<Bucket> {
  const { bucket, prefix } = parseAddress(address);
  const [accessKeyId, secretAccessKey] = [ID, SECRET].map(name => process.env[name] ?? '');
  if (!accessKeyId || !secretAccessKey)
    throw new CadenzaError('E_USAGE', `${address}: set ${ID} and ${SECRET}, and ${ENDPOINTS[1]} for other services than Amazon's.`);
  if (process.env[TOKEN])
    throw new CadenzaError('E_USAGE', `${address}: temporary credentials (${TOKEN}) are not supported. Unset it, and set those of a user.`);
  const region = firstOf(REGIONS) ?? REGION;
  const service = firstOf(ENDPOINTS) ?? `https://s3.${region}.amazonaws.com`;
  if (!/^https?:$/.test(attempt(() => new URL(service))?.protocol ?? ''))
    throw new CadenzaError(
      'E_USAGE',
      `${firstOf(ENDPOINTS)}: expected an address such as https://s3.example.com in ${ENDPOINTS.join(' or ')}.`,
    );
  const { S3mini } = await import('s3mini');
  const client = new S3mini({
    accessKeyId,
    secretAccessKey,
    region,
    endpoint: `${service.replace(/\/+$/, '')}/${bucket}`,
    requestAbortTimeout: LONGEST,
  });
  const opened = bucketOf({ client, address, prefix, service });
  // Fails here, before anything runs, if the bucket cannot be used.
  await opened.list('none/');
  return opened;
}

function bucketOf({ client, address, prefix, service }: { client: S3mini; address: string; prefix: string; service: string }): Bucket {
  const at = (name: string) => `${address.replace(/\/$/, '')}/${name}`;
  /** Makes a request again while its failure may pass. */
  const request = async <T>(name: string, make: () => Promise<T>): Promise<T> => {
    for (let i = 1; ; i++) {
      try {
        return await make();
      } catch (error) {
        if (i < TRIES && mayPass(error)) await setTimeout(PAUSE * 2 ** (i - 1));
        else throw explained(error, at(name), service);
      }
    }
  };
  const write = async (name: string, content: Uint8Array | string) => {
    await request(name, () => client.putObject(prefix + name, content));
  };
  return {
    address,
    async list(below) {
      const found = await request('', () => client.listObjects('/', prefix + below));
      if (!found) throw new CadenzaError('E_DISK', `${address} does not exist at ${service}. Create the bucket, or correct --store.`);
      return found.map(({ Key, ETag }) => ({ name: Key.slice(prefix.length), tag: ETag }));
    },
    read: async name => (await request(name, () => client.getObject(prefix + name))) ?? undefined,
    download: (name, file) =>
      request(name, async () => {
        const response = await client.getObjectResponse(prefix + name);
        if (!response?.body) return undefined;
        const temporary = `${file}.${process.pid}.tmp`;
        const hash = createHash('sha256');
        const hashing = new Transform({
          transform(piece, _, done) {
            hash.update(piece);
            done(null, piece);
          },
        });
        try {
          await pipeline(Readable.fromWeb(response.body as never), hashing, createWriteStream(temporary));
          renameSync(temporary, file);
        } finally {
          rmSync(temporary, { force: true });
        }
        return hash.digest('hex');
      }),
    write,
    async upload(name, file) {
      const { size } = statSync(file);
      if (size <= PART) return write(name, await bytesOf(file, 0, size));
      const key = prefix + name;
      const id = await request(name, () => client.getMultipartUploadId(key));
      try {
        const parts: Awaited<ReturnType<typeof client.uploadPart>>[] = [];
        for (let from = 0; from < size; from += PART) {
          const piece = await bytesOf(file, from, Math.min(PART, size - from));
          parts.push(await request(name, () => client.uploadPart(key, id, piece, parts.length + 1)));
        }
        await request(name, () => client.completeMultipartUpload(key, id, parts));
      } catch (error) {
        await client.abortMultipartUpload(key, id).catch(() => {});
        throw error;
      }
    },
    async remove(name) {
      await request(name, () => client.deleteObject(prefix + name));
    },
  };
}

/** Part of a file. */
async function bytesOf(path: string, from: number, length: number): Promise<Uint8Array> {
  const file = await open(path);
  try {
    const bytes = new Uint8Array(length);
    let at = 0;
    while (at < length) {
      const { bytesRead } = await file.read(bytes, at, length - at, from + at);
      if (bytesRead === 0) break;
      at += bytesRead;
    }
    return bytes.subarray(0, at);
  } finally {
    await file.close();
  }
}

/** What is known of a failed request. */
interface Failure {
  readonly status?: number;
  readonly serviceCode?: string;
}

const failureOf = (error: unknown): Failure => (error ?? {}) as Failure;

/** Whether another try may succeed: the service was busy, or the connection broke. */
function mayPass(error: unknown): boolean {
  if (error instanceof CadenzaError) return false;
  const { status, serviceCode } = failureOf(error);
  if (isFull({ status, serviceCode })) return false;
  return status === undefined || status === 0 || status === 429 || status >= 500;
}

const isFull = ({ status, serviceCode = '' }: Failure) => status === 507 || /quota|storagefull|insufficient/i.test(serviceCode);

/** The failure of a request as an error that says what to do. */
function explained(error: unknown, what: string, service: string): unknown {
  if (error instanceof CadenzaError) return error;
  const failure = failureOf(error);
  const { status, serviceCode = '' } = failure;
  const said = status ? `${service} answered ${status}${serviceCode ? ` ${serviceCode}` : ''}` : reasonOf(error);
  const advice = isFull(failure)
    ? 'It is full. Free space there, and run the same command again; finished stages are kept here and stored then.'
    : status === 401 || status === 403
      ? `Check ${ID}, ${SECRET} and what they may do there.`
      : `Check --store and ${ENDPOINTS[1]}, and that the service can be reached, then run the same command again; it resumes.`;
  return new CadenzaError('E_DISK', `${what} cannot be read or written: ${said}. ${advice}`, { cause: error });
}

/** The innermost message of an error. */
function reasonOf(error: unknown): string {
  const { cause, message, code } = error as Error & { code?: string };
  return cause instanceof Error ? reasonOf(cause) : message || code || String(error);
}
