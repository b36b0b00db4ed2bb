/**
 * @file Tests assert codes, paths, names and numbers, so that words can change freely: what a matcher is handed holds no phrase of English.
 * Titles, comments and what a test feeds in are free.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import ts from 'typescript';
import { expect, it } from 'vitest';
import { ROOT } from './helpers/command.ts';

/** Matchers that look for a text, and helpers of test/helpers/failure.ts. */
const MATCHERS = /^(toThrow|toThrowError|toMatch|toContain|toContainEqual|stringContaining|stringMatching|carrying|failure|exit)$/;
/** Three words with nothing but space between them. */
const PHRASE = /(?<![\p{L}\d./=_-])\p{Ll}{2,}(?:\s+\p{Ll}{2,}){2,}(?![\p{L}\d./=_-])/u;

/** Without the syntax of patterns, whose variable parts separate words, and without commands. */
const words = (text: string) =>
  text
    .replace(/\b(npx )?cadenza [a-z]+/g, '·')
    .replace(/\\[bsSwWdDn][*+?]?|\.[*+]|\[[^\]]*\][*+]?/g, ' · ')
    .replace(/["'`“”]/g, ' ');

function phrases(file: string): string[] {
  const source = ts.createSourceFile(file, readFileSync(join(ROOT, file), 'utf8'), ts.ScriptTarget.Latest, true);
  const found: string[] = [];
  const visit = (node: ts.Node, asserted: boolean): void => {
    if (ts.isCallExpression(node)) {
      const { expression } = node;
      visit(expression, asserted);
      const name = ts.isPropertyAccessExpression(expression) ? expression.name.text : expression.getText();
      for (const argument of node.arguments) visit(argument, MATCHERS.test(name) || (asserted && name !== 'join'));
      return;
    }
    if (asserted) {
      const text = ts.isTemplateExpression(node)
        ? [node.head.text, ...node.templateSpans.map(({ literal }) => literal.text)].join('·')
        : ts.isStringLiteralLike(node) || ts.isRegularExpressionLiteral(node)
          ? node.text
          : undefined;
      if (text !== undefined && PHRASE.test(words(text)))
        found.push(`${file}:${source.getLineAndCharacterOfPosition(node.getStart()).line + 1}: ${text}`);
    }
    // Rows of a table hold what a message must carry.
    const carried = ts.isPropertyAssignment(node) && node.name.getText() === 'carries';
    ts.forEachChild(node, child => visit(child, asserted || carried));
  };
  visit(source, false);
  return found;
}

it('tests assert no English prose', () => {
  const files = ['src', 'test'].flatMap(folder =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter(name => name.endsWith('.test.ts'))
      .map(name => join(folder, name).split(sep).join('/')),
  );
  expect(files.length).toBeGreaterThan(100);
  expect(files.flatMap(phrases)).toEqual([]);
});
