import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { failure } from '../../test/helpers/failure.ts';
import { AGENTS } from '../../test/helpers/players.ts';
import { send } from '../../test/helpers/request.ts';
import { findModels, type RunningServer, servePlayground, startServer } from './index.ts';

const folder = mkdtempSync(join(tmpdir(), 'server-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('a server on the loopback address', () => {
  let server: RunningServer;
  beforeAll(async () => {
    server = await servePlayground([]);
  });
  afterAll(() => server.close());

  it('serves the page, isolated and without inline content', async () => {
    const { status, headers, text } = await send(server.url, '/');
    expect([status, headers['content-type']]).toEqual([200, 'text/html; charset=utf-8']);
    expect(text).not.toMatch(/<script>|<style>|style="/);
    const policy = headers['content-security-policy'];
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toContain('unsafe-inline');
    expect(policy).not.toContain("'unsafe-eval'");
    expect(headers).toMatchObject({
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-embedder-policy': 'require-corp',
      'x-content-type-options': 'nosniff',
    });
  });

  it.each([
    ['another host', { headers: { host: 'evil.example:80' } }, 421],
    ['a name that leads here from elsewhere', { headers: { host: '127.0.0.1.evil.example' } }, 421],
    ['a page of another site', { headers: { origin: 'http://evil.example' } }, 403],
    ['a page of another port', { headers: { origin: 'http://127.0.0.1:1' } }, 403],
    ['a page without an origin', { headers: { origin: 'null' } }, 403],
    ['a body', { method: 'POST', body: '{}' }, 405],
    ['a large body', { method: 'PUT', body: 'x'.repeat(1 << 20) }, 405],
    ['large headers', { headers: { cookie: 'x'.repeat(1 << 15) } }, 431],
  ] as const)('refuses %s', async (what, sent, status) => {
    // The connection may be closed before a large request was sent.
    const lost = what.startsWith('large') ? ['EPIPE', 'ECONNRESET'] : [];
    const found = await send(server.url, '/', sent).catch(({ code }) => ({ status: code }));
    expect([status, ...lost]).toContain(found.status);
    expect((await send(server.url, '/')).status).toBe(200);
  });

  it.each([
    '/../package.json',
    '/..%2fpackage.json',
    '/%2e%2e/%2e%2e/package.json',
    '/agents/..%2f..%2fpackage.json',
    '/agents/..%2f..%2f..%2fsrc/model.json',
    '/agents/%2e%2e/model.json',
    '/agents/x/..%2f..%2findex.html',
    '/..\\..\\package.json',
    '/.built',
    '/assets/%00',
  ])('serves nothing outside its folder: %s', async path => {
    const { status, text } = await send(server.url, path);
    expect(status).toBeGreaterThanOrEqual(400);
    expect(text).not.toContain('cadenza-web');
    expect(text).not.toContain('dependencies');
  });
});

it.each(['127.0.0.2', 'localhost'])('needs no token on %s, which is this machine, too', async host => {
  const { url, close } = await startServer({ host });
  expect((await send(url, '/')).status).toBe(200);
  expect((await send(url, '/', { headers: { host: host.toUpperCase() } })).status).toBe(200);
  await close();
});

describe('a server on another address', () => {
  const token = 'a token with 22 chars.';

  it('needs a token, of some length', async () => {
    await expect(startServer({ host: '0.0.0.0' })).rejects.toThrow(failure('E_USAGE', '0.0.0.0', '--token'));
    await expect(startServer({ host: '0.0.0.0', token: 'short' })).rejects.toThrow(failure('E_USAGE', 16, 5));
  });

  it('answers nobody without it, and keeps it out of the address', async () => {
    const { url, close } = await startServer({ host: '0.0.0.0', token });
    const { port } = new URL(url);
    const here = `http://127.0.0.1:${port}`;
    const known = `?token=${encodeURIComponent(token)}`;
    expect(url).toBe(`http://0.0.0.0:${port}/${known}`);
    expect((await send(here, '/')).status).toBe(401);
    expect((await send(here, `/?token=${'b'.repeat(token.length)}`)).status).toBe(401);
    expect((await send(here, '/', { headers: { cookie: `cadenza-token-${port}=%` } })).status).toBe(401);
    const first = await send(here, `/index.html${known}`);
    expect([first.status, first.headers.location]).toEqual([303, '/index.html']);
    const [cookie] = [first.headers['set-cookie']].flat();
    expect(cookie).toMatch(/HttpOnly; SameSite=Strict/);
    // Cookies do not tell ports apart: another server must not replace it.
    expect(cookie.split('=')[0]).toBe(`cadenza-token-${port}`);
    expect((await send(here, '/', { headers: { cookie: cookie.split(';')[0] } })).status).toBe(200);
    expect((await send(here, '/', { headers: { authorization: `Bearer ${token}` } })).status).toBe(200);
    await close();
  });

  it('says when it cannot listen there', async () => {
    const { url, close } = await startServer();
    await expect(startServer({ port: Number(new URL(url).port) })).rejects.toThrow(failure('E_DISK', new URL(url).port, '--port'));
    await close();
  });
});

describe('models of the user', () => {
  it('must be models', () => {
    expect(() => findModels([folder])).toThrow(failure('E_CHECKPOINT', folder));
    mkdirSync(join(folder, 'damaged', 'model'), { recursive: true });
    writeFileSync(join(folder, 'damaged', 'model', 'model.json'), '{}');
    expect(() => findModels([join(folder, 'damaged')])).toThrow(failure('E_CHECKPOINT', 'model.json'));
  });

  it('have names of their own, whatever their folders are called', () => {
    const model = join(AGENTS, 'dark-room');
    const named = ['source', 'dark-room', 'a/dark-room'].map(name => join(folder, 'named', name));
    for (const each of named) cpSync(model, each, { recursive: true });
    const [builtin] = findModels([model]);
    expect(findModels(named, [builtin]).map(({ name }) => name)).toEqual(['source-2', 'dark-room-2', 'dark-room-3']);
  });
});
