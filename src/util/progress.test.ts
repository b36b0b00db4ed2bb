/** @file Progress off a terminal: few lines, with rate and remaining time. */

import picocolors from 'picocolors';
import { expect, it } from 'vitest';
import { carrying } from '../../test/helpers/failure.ts';
import { barProgress, formatDuration, lineProgress } from './progress.ts';

it('speaks at the start, about every ten seconds and at the end', () => {
  let time = 0;
  let text = '';
  const progress = lineProgress({ write: part => (text += part) }, { now: () => time });
  progress.start('distill', 300, 100);
  for (let step = 101; step <= 300; step++) {
    time += 125;
    progress.update(step, `loss ${(1 / step).toFixed(3)}`);
  }
  progress.finish('loss 0.003');
  expect(text.split('\n')).toEqual([
    carrying(/^distill\b/, 100, 300),
    carrying(/^distill\b/, 180, 300, '60%', '8.0/s', '15 s', 'loss 0.006'),
    carrying(/^distill\b/, 260, 300, '86%', '8.0/s', '5.0 s', 'loss 0.004'),
    carrying(/^distill\b/, '25 s', 'loss 0.003'),
    '',
  ]);
});

it('says where the whole command is, and what is left of it as far as that is known', () => {
  let [time, text] = [0, ''];
  const progress = lineProgress({ write: part => (text += part) }, { now: () => time });
  for (const [at, more] of [
    [2, true],
    [3, false],
  ] as const) {
    progress.place?.({ at, of: 4, seconds: 100, more });
    progress.start('distill', 300);
    time += 20_000;
    progress.update(100);
  }
  expect(text.split('\n')).toEqual([
    carrying(0, 300, 2, 4, '2 min'),
    carrying(100, 300, '33%', '5.0/s', '40 s', 2, 4, '2 min'),
    carrying(0, 300, 3, 4, '2 min'),
    carrying(100, 300, '33%', '5.0/s', '40 s', 3, 4, '2 min'),
    '',
  ]);
  // At least so much is left, or about so much.
  const left = text.split('\n').map(line => /[^,]*2 min[^,]*/.exec(line)?.[0]);
  expect([left[0] === left[2], left[1] === left[3]]).toEqual([true, false]);
});

it('leaves out what is left of the whole command below a minute', () => {
  let text = '';
  const progress = lineProgress({ write: part => (text += part) }, { now: () => 0 });
  for (const seconds of [59, 61]) {
    progress.place?.({ at: 2, of: 4, seconds, more: true });
    progress.start('distill', 300);
  }
  const [below, above] = text.split('\n');
  expect(below).toMatch(/\(stage 2 of 4\)$/);
  expect(above).toEqual(carrying('1 min'));
});

it('draws a bar that never reaches the edge of the terminal, and comes back below a line that stays', () => {
  let [time, text] = [0, ''];
  const stream = { columns: 60, write: (part: string) => (text += part) };
  const progress = barProgress(stream, picocolors.createColors(false), { now: () => time });
  progress.start('distill (seed 0)', 300);
  for (let step = 1; step <= 100; step++) {
    time += 125;
    progress.update(step, 'loss 0.123456789, and much more than there is room for');
  }
  progress.say('a line that stays');
  progress.finish('loss 0.1');
  const lines = text
    .split(/[\r\n]/)
    .map(line => line.replace('\x1b[K', ''))
    .filter(Boolean);
  expect(Math.max(...lines.map(({ length }) => length))).toBe(59);
  const stays = lines.indexOf('a line that stays');
  expect(lines[stays + 1]).toMatch(/^distill .*100\/300/);
  expect(lines.at(-1)).toBe('✓ distill (seed 0)  13 s  loss 0.1');
  expect(text).toContain('\x1b[K✓');
});

it('keeps the note of a narrow terminal, and leaves out the rate, then the bar, then the time of the whole run', () => {
  const lineAt = (columns: number) => {
    let [time, text] = [0, ''];
    const progress = barProgress({ columns, write: part => (text = part) }, picocolors.createColors(false), { now: () => time });
    progress.place?.({ at: 3, of: 26, seconds: 100, more: false });
    progress.start('distill (seed 0)', 300);
    time += 20_000;
    progress.update(100, 'loss 0.1234');
    return text.replaceAll('\r', '').replace('\x1b[K', '');
  };
  for (const [columns, rate, bar, whole] of [
    [120, true, true, true],
    [80, false, true, true],
    [72, false, false, true],
    [50, false, false, false],
  ] as const) {
    const line = lineAt(columns);
    expect(line.length).toBeLessThan(columns);
    expect(line).toEqual(carrying('3/26', 'distill (seed 0)', '100/300', 'loss 0.1234'));
    expect([line.includes('5.0/s'), line.includes('█'), line.includes('2 min')], line).toEqual([rate, bar, whole]);
  }
});

it('writes durations as people say them', () => {
  expect([0.04, 9.94, 9.96, 59.4, 410, 3599.9, 3780, 7199].map(formatDuration)).toEqual([
    '0.0 s',
    '9.9 s',
    '10 s',
    '59 s',
    '6 min 50 s',
    '1 h 0 min',
    '1 h 3 min',
    '2 h 0 min',
  ]);
});
