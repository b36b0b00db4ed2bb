import { describe, expect, it } from 'vitest';
import { wantsColor } from './color.ts';

describe('wantsColor', () => {
  it.each([
    ['a terminal', true, {}, true],
    ['a dumb terminal', true, { TERM: 'dumb' }, false],
    ['a pipe', false, {}, false],
    ['a pipe under CI', false, { CI: 'true' }, false],
    ['a pipe, forced', false, { FORCE_COLOR: '1' }, true],
    ['a terminal, forced off', true, { FORCE_COLOR: '0' }, false],
    ['NO_COLOR above all', true, { NO_COLOR: '1', FORCE_COLOR: '1' }, false],
  ])('%s', (_, isTTY, environment, expected) => {
    expect(wantsColor({ isTTY }, environment)).toBe(expected);
  });
});
