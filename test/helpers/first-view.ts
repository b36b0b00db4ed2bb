/** @file What a page loads until it can be used. For tests and benchmarks. */

import { gzipSync } from 'node:zlib';
import type { Page, Response } from 'playwright-core';

/** Opens the playground, and waits until its agents are there and can be played. Returns gzipped bytes of script and style, and their files. */
export async function firstView(page: Page, url: string): Promise<{ bytes: number; files: string[] }> {
  const responses: Response[] = [];
  const keep = (response: Response) => {
    if (/\.(js|css)$/.test(new URL(response.url()).pathname)) responses.push(response);
  };
  page.on('response', keep);
  await page.goto(url);
  await page.waitForSelector('[data-state=paused] button.main');
  page.off('response', keep);
  const bodies = await Promise.all(responses.map(response => response.body()));
  return {
    bytes: bodies.reduce((sum, body) => sum + gzipSync(body).length, 0),
    files: responses.map(response => new URL(response.url()).pathname.split('/').pop()!),
  };
}
