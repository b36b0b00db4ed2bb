/** @file An S3-compatible server of its own for tests, some of whose requests fail. */

import { mkdtempSync, rmSync } from 'node:fs';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

interface Handler {
  callback(): (request: IncomingMessage, response: ServerResponse) => void;
  configureBuckets(): Promise<unknown>;
}

// It has no types.
const S3rver = createRequire(import.meta.url)('s3rver') as new (options: object) => Handler;

/** A running server with one bucket. */
export interface TestBucket {
  /** Folder with a file for each object of the bucket. */
  readonly folder: string;
  readonly address: string;
  readonly environment: Readonly<Record<string, string>>;
  /** The status with which a request is refused, if it is; set by tests. */
  refuse: (request: { readonly method: string; readonly path: string; readonly number: number }) => number | undefined;
  /** Number of requests so far. */
  readonly requests: () => number;
  stop(): Promise<void>;
}

export async function startBucket(): Promise<TestBucket> {
  const directory = mkdtempSync(join(tmpdir(), 'cadenza-bucket-'));
  const handler = new S3rver({ directory, silent: true, configureBuckets: [{ name: 'lab' }] });
  await handler.configureBuckets();
  const answer = handler.callback();
  let number = 0;
  const server: Server = createServer((request, response) => {
    number++;
    const status = bucket.refuse({ method: request.method!, path: request.url!, number });
    if (status === undefined) return answer(request, response);
    request.resume().on('end', () => {
      response.writeHead(status, { 'content-type': 'application/xml' }).end(`<Error><Code>Refused${status}</Code></Error>`);
    });
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const bucket: TestBucket = {
    folder: join(directory, 'lab'),
    address: 's3://lab/runs',
    environment: {
      AWS_ENDPOINT_URL: `http://127.0.0.1:${port}`,
      AWS_ACCESS_KEY_ID: 'S3RVER',
      AWS_SECRET_ACCESS_KEY: 'S3RVER',
      AWS_REGION: 'us-east-1',
    },
    refuse: () => undefined,
    requests: () => number,
    async stop() {
      await new Promise(resolve => server.close(resolve).closeAllConnections());
      rmSync(directory, { recursive: true });
    },
  };
  return bucket;
}
