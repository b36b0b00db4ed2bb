/**
 * @file A server of static pages and of data next to them, for one person. It answers the loopback address alone, unless it is given another
 * one with a token, and pages of other sites cannot use it.
 */

import { timingSafeEqual } from 'node:crypto';
import { existsSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import fastifyStatic from '@fastify/static';
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { CadenzaError } from '../util/errors.ts';

/** The pages, compiled. */
const PAGES = fileURLToPath(new URL('../../dist/web/', import.meta.url));

/** Whether an address or a name is of this machine alone, with or without brackets. */
const isLoopback = (host: string): boolean => /^(localhost|127(\.\d{1,3}){3}|::1|\[::1\])$/i.test(host);

/** Most bytes of a request's body and of its headers; no request needs either. */
const [MOST_BODY, MOST_HEADERS] = [1024, 16 * 1024];

/** Name of the cookie with the token. Servers of other ports get it, too, so they need names of their own. */
const cookieOf = ({ socket }: FastifyRequest): string => `cadenza-token-${socket.localPort}`;

/**
 * Headers of every response. Scripts, styles and data come from this server alone, and WebAssembly may be compiled. Isolation lets kernels
 * use several threads.
 */
const HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self' blob:; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-embedder-policy': 'require-corp',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
} as const;

/** Where to listen, and what to serve. */
export interface ServerOptions {
  /** Address to listen on; the loopback address by default. */
  readonly host?: string;
  /** Port; 0 for any free one. */
  readonly port?: number;
  /** What a client must know; required for any address but the loopback one. At least 16 characters. */
  readonly token?: string;
  /** The page at the root. */
  readonly page?: string;
  /** Adds routes next to the pages. */
  routes?(app: FastifyInstance): void;
}

/** A server that is listening. */
export interface RunningServer {
  /** Address of the pages, with the token if there is one. */
  readonly url: string;
  /** Stops it, and ends open connections. */
  close(): Promise<void>;
}

/** Fewest characters of a token. */
const SHORTEST_TOKEN = 16;

/**
 * Starts a server.
 *
 * @throws {CadenzaError} `E_USAGE` for an address that needs a token without one, `E_INSTALL` if the pages are missing, `E_DISK` if it cannot
 * listen there.
 * @example
 * const { url, close } = await startServer({ port: 0 });
 */
export async function startServer({
  host = '127.0.0.1',
  port = 0,
  token,
  page = 'index.html',
  routes,
}: ServerOptions = {}): Promise<RunningServer> {
  if (!isLoopback(host) && token === undefined)
    throw new CadenzaError('E_USAGE', `${host} can be reached by others, so it needs a token. Add --token, or leave out --host.`);
  if (token !== undefined && token.length < SHORTEST_TOKEN)
    throw new CadenzaError('E_USAGE', `expected a token of at least ${SHORTEST_TOKEN} characters, found ${token.length}.`);
  if (!existsSync(`${PAGES}${page}`))
    throw new CadenzaError(
      'E_INSTALL',
      `the pages are missing (${PAGES}). In a checkout, run "npm run build:web"; otherwise install cadenza again.`,
    );
  const app = fastify({ bodyLimit: MOST_BODY, http: { maxHeaderSize: MOST_HEADERS }, forceCloseConnections: true, logger: false });
  app.addHook('onRequest', guard({ host, token }));
  app.setErrorHandler((error: { statusCode?: number }, _request, reply) => {
    void reply
      .code(error.statusCode ?? 500)
      .type('text/plain')
      .send('The request failed.');
  });
  routes?.(app);
  await app.register(fastifyStatic, { root: PAGES, dotfiles: 'deny', index: page });
  try {
    await app.listen({ host, port });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const why = code === 'EADDRINUSE' ? 'another program listens there' : (code ?? String(error));
    throw new CadenzaError('E_DISK', `cannot listen on ${host}:${port}: ${why}. Choose another --port.`, { cause: error });
  }
  const { port: actual } = app.server.address() as AddressInfo;
  const name = host.includes(':') ? `[${host}]` : host;
  const url = `http://${name}:${actual}/${token === undefined ? '' : `?token=${encodeURIComponent(token)}`}`;
  return { url, close: () => app.close() };
}

/** Refuses what did not come from a page of this server, or does not know the token. */
function guard({ host, token }: { host: string; token?: string }) {
  // Where a firewall or a name server leads here under another name, the token alone decides.
  const isLocal = isLoopback(host);
  return async (request: FastifyRequest, reply: FastifyReply) => {
    reply.headers(HEADERS);
    const refuse = (code: number, why: string) => reply.code(code).type('text/plain').send(`${why}\n`);
    if (!['GET', 'HEAD'].includes(request.method)) return refuse(405, 'Only GET and HEAD are answered.');
    const named = request.headers.host ?? '';
    if (isLocal && !isLoopback(named.replace(/:\d+$/, ''))) return refuse(421, 'This server does not answer to that name.');
    const { origin } = request.headers;
    if (origin !== undefined && origin.toLowerCase() !== `http://${named.toLowerCase()}`)
      return refuse(403, 'Pages of other sites cannot use this server.');
    if (token === undefined) return;
    const name = cookieOf(request);
    const url = new URL(request.url, 'http://localhost');
    const given = url.searchParams.get('token');
    if (given !== null && equal(given, token)) {
      // From here on, the cookie has it, and neither the history of the browser nor a link.
      url.searchParams.delete('token');
      reply.header('set-cookie', `${name}=${encodeURIComponent(token)}; HttpOnly; SameSite=Strict; Path=/`);
      return reply.redirect(`${url.pathname}${url.search}`, 303);
    }
    const bearer = /^Bearer (.*)$/.exec(request.headers.authorization ?? '')?.[1];
    const cookie = (request.headers.cookie ?? '').split('; ').find(each => each.startsWith(`${name}=`));
    const known = bearer ?? (cookie && decoded(cookie.slice(name.length + 1)));
    if (known === undefined || !equal(known, token)) return refuse(401, 'Open the address that cadenza printed, with its token.');
  };
}

const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text);
  } catch {
    return '';
  }
};

/** Compares without telling by its time how much is equal. */
function equal(given: string, token: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(token)];
  return a.length === b.length && timingSafeEqual(a, b);
}
