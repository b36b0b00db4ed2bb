/** @file Requests to a server as they are, and its events. For tests: `fetch` would tidy paths and refuse some headers. */

import { request } from 'node:http';

export type Headers = Record<string, string>;

/** Sends a request and reads the whole answer. */
export function send(
  url: string,
  path: string,
  { method = 'GET', headers = {}, body }: { method?: string; headers?: Headers; body?: string } = {},
) {
  const { hostname, port } = new URL(url);
  return new Promise<{ status: number; headers: Headers; text: string }>((resolve, reject) => {
    const sent = request({ hostname, port, path, method, headers, agent: false }, response => {
      let text = '';
      response.on('data', part => {
        text += part;
      });
      response.on('end', () => resolve({ status: response.statusCode!, headers: response.headers as Headers, text }));
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

/** Server-sent events, in order. */
export interface Events {
  /** The next event of this name that fits. */
  next<T>(name: string, fits?: (data: T) => boolean): Promise<T>;
  close(): void;
}

/** Opens a stream of events. */
export async function eventsOf(url: string, path: string): Promise<Events> {
  const controller = new AbortController();
  const { body } = await fetch(new URL(path, url), { signal: controller.signal });
  const reader = body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  return {
    close: () => controller.abort(),
    async next(name, fits = () => true) {
      for (;;) {
        for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
          const [, event, data] = /^event: (.+)\ndata: (.+)$/.exec(text.slice(0, end)) ?? [];
          text = text.slice(end + 2);
          if (event !== name) continue;
          const found = JSON.parse(data);
          if (fits(found)) return found;
        }
        const { value, done } = await reader.read();
        if (done) throw new Error(`no more events, expected ${name}`);
        text += value;
      }
    },
  };
}
