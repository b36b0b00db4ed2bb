import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventFilesIn, readEvents, shownScalars } from '../../test/helpers/event-files.ts';
import { failure } from '../../test/helpers/failure.ts';
import { crc32c, eventFile, isEventFile } from './event-file.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cadenza-events-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A SCSI command of RFC 3720, appendix B.4. */
const COMMAND = '01c00000000000000000000000000000140000000000040000000014000000182800000000000000020000000000000000';

describe('crc32c', () => {
  it.each([
    ['32 zeros', new Uint8Array(32), 0x8a9136aa],
    ['32 ones', new Uint8Array(32).fill(255), 0x62a8ab43],
    ['ascending bytes', Uint8Array.from({ length: 32 }, (_, i) => i), 0x46dd794e],
    ['descending bytes', Uint8Array.from({ length: 32 }, (_, i) => 31 - i), 0x113fdb5c],
    ['a command', Buffer.from(COMMAND, 'hex').subarray(0, 48), 0xd9963a56],
    ['the digits', Buffer.from('123456789'), 0xe3069283],
    ['nothing', new Uint8Array(0), 0],
  ])('of %s is the published one', (_, data, expected) => {
    expect(crc32c(data)).toBe(expected);
  });
});

describe('an event file', () => {
  it('has the version, the start of the session, and every scalar with its step and time', () => {
    const before = Date.now() / 1000;
    const file = eventFile(join(folder, 'new', 'place'));
    file.add(10, { loss: 0.25, 'reconstruction.reward': -3e-5, nothing: Number.NaN, endless: Number.POSITIVE_INFINITY });
    file.add(300, { validation: { 5: 1.5, größer: 2 } });
    file.add(2 ** 40 + 1, {});
    const [path] = eventFilesIn(join(folder, 'new', 'place'));
    const [version, start, ...events] = readEvents(path);
    expect(version).toMatchObject({ version: 'brain.Event:2', step: 0, scalars: {} });
    expect(start).toMatchObject({ step: 1, status: 1, scalars: {} });
    expect(events).toMatchObject([
      { step: 10, scalars: { loss: 0.25, 'reconstruction.reward': Math.fround(-3e-5) } },
      { step: 300, scalars: { 'validation.5': 1.5, 'validation.größer': 2 } },
      { step: 2 ** 40 + 1, scalars: {} },
    ]);
    for (const { time } of [version, start, ...events]) {
      expect(time).toBeGreaterThanOrEqual(before);
      expect(time).toBeLessThanOrEqual(Date.now() / 1000);
    }
    expect(Object.keys(events[0].scalars)).toHaveLength(2);
  });

  it('is named after its time and host, and comes after earlier ones, whatever the clock says', () => {
    const now = Math.floor(Date.now() / 1000);
    for (let i = 0; i < 3; i++) eventFile(folder);
    const times = eventFilesIn(folder).map(path => {
      const [, time, host] = /^events\.out\.tfevents\.(\d{10})\.(.*)$/.exec(basename(path))!;
      expect(host).toBe(hostname().replaceAll(/[^\w.-]/g, '-'));
      return Number(time);
    });
    expect(times[0]).toBeGreaterThanOrEqual(now);
    expect(times).toEqual([times[0], times[0] + 1, times[0] + 2]);
    writeFileSync(join(folder, 'events.out.tfevents.9000000000.other-host'), '');
    eventFile(folder);
    expect(basename(eventFilesIn(folder).at(-1)!)).toContain('.9000000001.');
    expect(eventFilesIn(folder).map(path => isEventFile(basename(path)))).toEqual(Array(5).fill(true));
  });

  it('of a resumed stage drops the steps that run again', () => {
    const first = eventFile(folder);
    for (const step of [10, 20, 30]) first.add(step, { loss: step });
    const before = [{ step: 10, metrics: { loss: -1 } }];
    const second = eventFile(folder, { steps: 15, before });
    for (const step of [20, 30, 40]) second.add(step, { loss: step + 0.5 });
    const [a, b] = eventFilesIn(folder).map(readEvents);
    expect([a[1].step, b[1].step]).toEqual([1, 16]);
    expect(shownScalars(folder)).toEqual({
      loss: [
        [10, 10],
        [20, 20.5],
        [30, 30.5],
        [40, 40.5],
      ],
    });
  });

  it('has the earlier metrics, if no event file has them', () => {
    const before = [10, 20].map(step => ({ step, metrics: { loss: step } }));
    eventFile(folder, { steps: 25, before }).add(30, { loss: 3 });
    expect(shownScalars(folder)).toEqual({
      loss: [
        [10, 10],
        [20, 20],
        [30, 3],
      ],
    });
  });

  it('fails with E_DISK where it cannot be written', () => {
    const file = eventFile(folder);
    rmSync(folder, { recursive: true });
    expect(() => file.add(1, { loss: 1 })).toThrow(failure('E_DISK', folder));
  });
});
