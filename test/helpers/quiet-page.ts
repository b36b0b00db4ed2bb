/** @file A page that must report nothing in its console. */

import type { Browser, Page } from 'playwright-core';
import { expect } from 'vitest';

/** Opens a page. `close` closes it, and expects that it has reported no error and no warning. */
export async function quietPage(browser: Browser): Promise<{ readonly page: Page; close(): Promise<void> }> {
  const page = await browser.newPage({ viewport: { width: 1100, height: 900 } });
  const complaints: string[] = [];
  page.on('console', message => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
  });
  page.on('pageerror', ({ message }) => complaints.push(message));
  return {
    page,
    async close() {
      expect(complaints).toEqual([]);
      await page.close();
    },
  };
}
