/** @file Routes of `cadenza watch`: server-sent events of the runs below a folder, and the pages of their reports. */

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { followCurves, reportIn } from './curves.ts';
import { readInside } from './inside.ts';
import type { RunIndex } from './run-index.ts';
import { type CurveEvents, type ListEvents, MOST_RUNS } from './watched.ts';

/** Most pages that are connected at once, each by two streams. */
const MOST_STREAMS = 64;

/** Bytes that may wait for a slow client before it is disconnected. It connects again, and gets the whole list. */
const MOST_WAITING = 2 ** 26;

/** Milliseconds between two looks at the metrics of chosen runs, and between signs of life. */
const [LOOK, BEAT] = [500, 15_000];

/**
 * Reports have styles and a script in the page. They may show themselves, but in an origin of their own, from which no request leaves: a report
 * cannot read other runs.
 */
const REPORT_POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; font-src data:; form-action 'none'; frame-ancestors 'none'; base-uri 'none'; sandbox allow-scripts";

/** Adds the routes. */
export function serveRuns(app: FastifyInstance, index: RunIndex, folder: string): void {
  let open = 0;

  /** Answers with events until the client leaves. `connect` returns what ends them. */
  const stream = (request: FastifyRequest, reply: FastifyReply, connect: (send: (event: string, data: unknown) => void) => () => void) => {
    if (open >= MOST_STREAMS) return reply.code(503).type('text/plain').send('Too many pages are open.\n');
    open++;
    reply.hijack();
    const { raw } = reply;
    raw.writeHead(200, {
      ...(reply.getHeaders() as Record<string, string>),
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
    });
    const write = (text: string) => {
      raw.write(text);
      if (raw.writableLength > MOST_WAITING) raw.destroy();
    };
    // The browser connects again after a second.
    write('retry: 1000\n\n');
    const end = connect((event, data) => write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`));
    const beat = setInterval(() => write(':\n\n'), BEAT);
    request.raw.socket.once('close', () => {
      open--;
      clearInterval(beat);
      end();
    });
    return reply;
  };

  const own = { exposeHeadRoute: false };
  app.get('/events/runs', own, (request, reply) =>
    stream(request, reply, send => {
      send('list', { folder, runs: index.list() } satisfies ListEvents['list']);
      return index.onChange(ids => {
        const runs = ids.flatMap(id => index.get(id)?.view ?? []);
        send('change', { runs, gone: ids.filter(id => !index.get(id)) } satisfies ListEvents['change']);
      });
    }),
  );

  app.get<{ Querystring: { run?: string | string[]; stage?: string } }>('/events/curves', own, (request, reply) => {
    const { run = [], stage = '' } = request.query;
    const ids = [run].flat().slice(0, MOST_RUNS);
    return stream(request, reply, send => {
      const { look } = followCurves(index, ids, String(stage), <K extends keyof CurveEvents>(event: K, data: CurveEvents[K]) =>
        send(event, data),
      );
      look();
      const timer = setInterval(look, LOOK);
      return () => clearInterval(timer);
    });
  });

  app.get<{ Querystring: { run?: string; page?: string } }>('/report', (request, reply) => {
    const { run, page } = request.query;
    const found = typeof run === 'string' ? index.get(run) : undefined;
    const path = found && typeof page === 'string' ? reportIn(index, found, page) : undefined;
    const content = path === undefined ? undefined : readInside(path);
    if (content === undefined) return reply.code(404).type('text/plain').send('There is no such report.\n');
    return reply.header('content-security-policy', REPORT_POLICY).type('text/html; charset=utf-8').send(content);
  });
}
