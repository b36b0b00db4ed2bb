/** @file What a page loads until it can be used. For tests and benchmarks. */

import { gzipSync } from 'node:zlib';
import type { Page, Response } from 'playwright-core';

/** What a page loaded until it could be used. */
export interface FirstView {
  /** Gzipped bytes of script and style, and their files. */
  readonly bytes: number;
  readonly files: readonly string[];
  /** Milliseconds until agents and controls were there, and until the models were loaded. */
  readonly shown: number;
  readonly ready: number;
}

/** Opens the playground, and waits until its agents can act. */
export async function firstView(page: Page, url: string): Promise<FirstView> {
  const start = performance.now();
  const responses: Response[] = [];
  const keep = (response: Response) => {
    if (/\.(js|css)$/.test(new URL(response.url()).pathname)) responses.push(response);
  };
  page.on('response', keep);
  await page.goto(url);
  await page.waitForSelector('.lane');
  const shown = performance.now() - start;
  await page.waitForSelector('[data-state=paused] button.main');
  const ready = performance.now() - start;
  page.off('response', keep);
  const bodies = await Promise.all(responses.map(response => response.body()));
  return {
    shown,
    ready,
    bytes: bodies.reduce((sum, body) => sum + gzipSync(body).length, 0),
    files: responses.map(response => new URL(response.url()).pathname.split('/').pop()!),
  };
}
