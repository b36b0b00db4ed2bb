/** @file Memory: how much of it there is, and sizes in words. Node only. */

import { freemem } from 'node:os';

/** Bytes that this process may still take: what is free, or less where a container sets a limit. */
export const availableBytes = (): number => process.availableMemory?.() ?? freemem();

/** "1.5 GB", by powers of 1,000 as disks are measured. */
export function inWords(bytes: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB', 'PB', 'EB'];
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, bytes)) / 3)));
  return `${power === 0 ? bytes : (bytes / 1000 ** power).toPrecision(3)} ${units[power]}`;
}
