/** @file What pages and figures hold. For tests. */

import { parseHTML } from 'linkedom';
import { expect } from 'vitest';

/** Expects a page that closes every element, has one inline script, loads nothing, and contains no missing value. */
export function expectWholePage(whole: string): void {
  const script = /<script>(?:(?!<script)[\s\S])*<\/script>\n<\/body>/;
  expect(whole).toMatch(script);
  const page = whole.replace(script, '</body>');
  const open: string[] = [];
  for (const [, closing, tag, selfClosing] of page
    .replace(/<!doctype html>/, '')
    .matchAll(/<(\/?)([a-zA-Z0-9]+)(?:"[^"]*"|[^">])*?(\/?)>/g)) {
    if (closing) expect(open.pop()).toBe(tag);
    else if (!selfClosing && tag !== 'meta') open.push(tag);
  }
  expect(open).toEqual([]);
  expect(page).not.toMatch(/<script|<link|src=|undefined|NaN/);
}

/** The texts of a figure. */
export const textsOf = (svg: string): (string | null)[] =>
  Array.from(parseHTML(svg).document.querySelectorAll('text'), ({ textContent }) => textContent);
