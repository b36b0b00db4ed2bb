/** @file Progress of long work: an animated bar on a terminal, occasional lines in a log, nothing in tests. Node only. */

import picocolors from 'picocolors';
import { wantsColor } from './color.ts';
import { printable, terminalWidth } from './text.ts';

/** The position of the current stage in the whole command. */
export interface Place {
  /** The current stage, counted from 1, out of `of`. */
  readonly at: number;
  readonly of: number;
  /** Expected duration of the stages after it, as far as known; with `more`, some durations are unknown. */
  readonly seconds: number;
  readonly more: boolean;
}

/** Title of a stage in displays: `distill (seed 0)`. */
export const stageTitle = (what: string, seed: number): string => `${what} (seed ${seed})`;

/** Receives the progress of one stage at a time. */
export interface Progress {
  /** Sets the position of the stages that start from now on. */
  place?(place: Place): void;
  /** A stage of `total` units begins; a resumed one has already done `done` of them. */
  start(stage: string, total: number, done?: number): void;
  /** `done` units are finished; `note` is a short text such as the current loss. Cheap enough to call every step. */
  update(done: number, note?: string): void;
  /** The stage is over; `note` stays on the screen. */
  finish(note?: string): void;
  /** Prints a line that stays on the screen, between two stages. */
  say(text: string): void;
  /** Work was interrupted or is complete: restores the terminal. Harmless if nothing is running. */
  stop(): void;
}

/** Where a display writes, such as `process.stderr`. */
type Output = { readonly columns?: number; write(text: string): unknown };

/** Displays nothing. */
export const silentProgress: Progress = { start() {}, update() {}, finish() {}, say() {}, stop() {} };

/**
 * Progress on stderr, because stdout is for data: a bar with rate and ETA on a terminal, plain lines otherwise. NO_COLOR
 * (https://no-color.org) is honored; TERM=dumb does not count as a terminal.
 */
export function terminalProgress(stream: NodeJS.WriteStream = process.stderr, environment = process.env): Progress {
  const plain = !stream.isTTY || environment.TERM === 'dumb';
  return seen(plain ? lineProgress(stream) : barProgress(stream, picocolors.createColors(wantsColor(stream, environment))));
}

/** Escapes titles and notes, which may come from data and must not control the terminal. */
const seen = (display: Progress): Progress => ({
  ...display,
  start: (stage, ...rest) => display.start(printable(stage), ...rest),
  update: (done, note) => display.update(done, note && printable(note)),
  finish: note => display.finish(note && printable(note)),
  say: text => display.say(printable(text)),
});

/** A line at the start, at the end and about every `interval` milliseconds in between. `now` is in milliseconds. */
export function lineProgress(stream: Output, { interval = 10_000, now = () => performance.now() } = {}): Progress {
  let pace = new Pace('', 0, 0, now());
  let spoken = 0;
  let place: Place | undefined;
  const whole = (left?: number) => (place ? ` (stage ${place.at} of ${place.of}${leftOf(place, left, ', whole run: ')})` : '');
  const report = (text: string) => stream.write(`${pace.stage}: ${text}\n`);
  return {
    say: text => void stream.write(`${text}\n`),
    place(at) {
      place = at;
    },
    start(stage, total, done = 0) {
      spoken = now();
      pace = new Pace(stage, total, done, spoken);
      report((done > 0 ? `continues at ${done} of ${total}` : `0 of ${total}`) + whole());
    },
    update(done, note) {
      const time = now();
      if (time - spoken < interval) return;
      spoken = time;
      const percent = pace.total > 0 ? ` (${Math.floor((100 * done) / pace.total)}%)` : '';
      const parts = [`${done} of ${pace.total}${percent}`, pace.describe(done, time), note];
      report(parts.filter(Boolean).join(', ') + whole(pace.left(done, time)));
    },
    finish(note) {
      report([`done in ${formatDuration(pace.seconds(now()))}`, note].filter(Boolean).join(', '));
    },
    stop() {},
  };
}

/** Maximum and minimum width of the bar in cells, and minimum milliseconds between two redraws. */
const [CELLS, FEWEST, PICTURE] = [24, 8, 200];

/** Places of the bar, the rate and the time of the whole run in the line. */
const [BAR, RATE, WHOLE] = [2, 4, 5];

const between = (separator: string, text: string): string => (text ? separator + text : '');

/** A line that is redrawn in place. It is cut to the terminal's width: a line that wraps could not be cleared. */
export function barProgress(
  stream: Output,
  colors: ReturnType<typeof picocolors.createColors>,
  { now = () => performance.now() } = {},
): Progress {
  let pace: Pace | undefined;
  let place: Place | undefined;
  let [at, note, drawn] = [0, '', 0];
  const clear = () => stream.write('\r\x1b[K');
  const draw = () => {
    if (!pace) return;
    drawn = now();
    let left = terminalWidth(stream) - 1;
    const parts: [text: string, color?: (text: string) => string][] = [
      [place ? `${place.at}/${place.of} ` : '', colors.dim],
      [`${pace.stage.padEnd(9)} `, colors.bold],
      [''],
      [`${at}/${pace.total}`],
      [between(' ', pace.describe(at, drawn)), colors.dim],
      [between(' ', place ? leftOf(place, pace.left(at, drawn), 'whole run: ') : ''), colors.dim],
      [between(' ', note)],
    ];
    // In a narrow terminal the rate goes first, then the bar, then the time of the whole run: the note has the loss.
    const room = () => left - parts.reduce((sum, [text]) => sum + text.length, 0) - 1;
    if (room() < FEWEST) parts[RATE] = [''];
    const cells = room() < FEWEST ? 0 : Math.min(CELLS, room());
    const filled = pace.total > 0 ? Math.round((cells * Math.min(at, pace.total)) / pace.total) : 0;
    if (cells > 0) parts[BAR] = [`${'█'.repeat(filled)}${'░'.repeat(cells - filled)} `, colors.cyan];
    if (room() < -1) parts[WHOLE] = [''];
    const line = parts.map(([text, color = String]) => {
      const shown = text.slice(0, left);
      left -= shown.length;
      return color(shown);
    });
    // The cursor stays at the start of the line, so that the ^C of an interrupt does not overflow it.
    stream.write(`\r${line.join('')}\x1b[K\r`);
  };
  const stop = () => {
    if (pace) clear();
    pace = undefined;
  };
  return {
    stop,
    place(given) {
      place = given;
    },
    say(text) {
      if (pace) clear();
      stream.write(`${text}\n`);
      draw();
    },
    start(stage, total, done = 0) {
      pace = new Pace(stage, total, done, now());
      [at, note] = [done, ''];
      draw();
    },
    update(done, text = '') {
      [at, note] = [done, text];
      if (now() - drawn >= PICTURE) draw();
    },
    finish(text) {
      const { stage = '' } = pace ?? {};
      const time = formatDuration(pace?.seconds(now()) ?? 0);
      stop();
      stream.write([`${colors.green('✓')} ${colors.bold(stage)}`, colors.dim(time), text].filter(Boolean).join('  ').concat('\n'));
    },
  };
}

/** Rate and remaining time since the start, excluding what an earlier run had done. */
export class Pace {
  readonly stage: string;
  readonly total: number;
  readonly #first: number;
  readonly #began: number;

  constructor(stage: string, total: number, first: number, began: number) {
    this.stage = stage;
    this.total = total;
    this.#first = first;
    this.#began = began;
  }

  seconds(now: number): number {
    return (now - this.#began) / 1000;
  }

  /** Units per second; undefined until something is done. */
  #rate(done: number, now: number): number | undefined {
    const rate = (done - this.#first) / this.seconds(now);
    return rate > 0 && Number.isFinite(rate) ? rate : undefined;
  }

  /** Seconds left at the current rate; undefined until something is done. */
  left(done: number, now: number): number | undefined {
    const rate = this.#rate(done, now);
    return rate && Math.max(0, this.total - done) / rate;
  }

  /** For example `6.6/s, ETA 6 min 50 s`; empty until something is done. */
  describe(done: number, now: number): string {
    const rate = this.#rate(done, now);
    return rate ? `${rate >= 100 ? Math.round(rate) : rate.toPrecision(2)}/s, ETA ${formatDuration(this.left(done, now)!)}` : '';
  }
}

/**
 * Remaining time of the whole command, such as `about 3 min left`, or `over 3 min left` if the duration of some stages is unknown. Empty
 * below a minute, and if nothing is known.
 *
 * @param left seconds left in the current stage.
 */
function leftOf({ seconds, more }: Place, left: number | undefined, before: string): string {
  const all = seconds + (left ?? 0);
  if (all < 60) return '';
  return `${before}${more || left === undefined ? 'over' : 'about'} ${formatDuration(60 * Math.round(all / 60)).replace(' 0 s', '')} left`;
}

/** Formats seconds as `4.2 s`, `42 s`, `6 min 50 s` or `1 h 3 min`. */
export function formatDuration(seconds: number): string {
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  const minutes = Math.round(whole / 60);
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
