import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { formatConfig, loadConfig } from './config.ts';
import { terminalProgress } from './progress.ts';
import { printable, terminalWidth } from './text.ts';

const HOSTILE = 'a\u001b[2J\u001b]0;t\u0007\r\u0000\u007f\u009b31m\u202eb\u2066\u2028';
const ACTS = /(?![\n\t])[\p{Cc}\p{Bidi_Control}\p{Zl}\p{Zp}\p{Cs}]/u;

describe('printable', () => {
  it('writes what acts on a terminal as JSON does, and leaves all other text alone', () => {
    expect(printable(HOSTILE)).toBe('a\\u001b[2J\\u001b]0;t\\u0007\\u000d\\u0000\\u007f\\u009b31m\\u202eb\\u2066\\u2028');
    expect(printable('\ud800!')).toBe('\\ud800!');
    const ordinary = 'Straße, naïve – 中文 Ελλ 🎲, two\nlines\r\nor three\tand a tab';
    expect(printable(ordinary)).toBe(ordinary);
  });

  it('of JSON is JSON of the same value', () => {
    const value = { [HOSTILE]: HOSTILE };
    const text = printable(JSON.stringify(value));
    expect(text).not.toMatch(ACTS);
    expect(JSON.parse(text)).toEqual(value);
  });

  it('leaves our own colors only where they are asked for, and nothing else that a code can do', () => {
    const colored = '\u001b[1mbold\u001b[22m \u001b[94mblue\u001b[39m';
    expect(printable(colored, { colors: true })).toBe(colored);
    expect(printable(colored)).not.toMatch(ACTS);
    for (const code of ['\u001b[2J', '\u001b[8m', '\u001b[1;5m', '\u001b[48;5;1m', '\u009b1m', '\u001b]0;t\u0007'])
      expect(printable(code, { colors: true })).not.toMatch(ACTS);
  });
});

describe('text from data', () => {
  it('is seen in progress, and does not act', () => {
    let written = '';
    const write = (text: string) => {
      written += text;
      return true;
    };
    const progress = terminalProgress({ write } as never, {});
    progress.start(`stage ${HOSTILE}`, 2);
    progress.finish(`loss ${HOSTILE}`);
    expect(written).toContain(printable(HOSTILE));
    expect(written).not.toMatch(ACTS);
  });

  it('is written in quotes by a configuration, which reads back to the same value', () => {
    const text = formatConfig({ note: HOSTILE, tame: 'Straße' });
    expect(text).not.toMatch(ACTS);
    expect(loadConfig(z.record(z.string(), z.string()), { file: 'a.yaml', text })).toEqual({ note: HOSTILE, tame: 'Straße' });
  });
});

it('the width of a terminal is 80 where none is known', () => {
  expect([{}, { columns: 0 }, { columns: 120 }].map(terminalWidth)).toEqual([80, 80, 120]);
});
