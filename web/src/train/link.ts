/** @file The form of a training in the address of the page. The page loads the rest only when the form is opened. */

import { signal } from '@preact/signals';
import { DEFAULTS, settingsFromText, settingsToText, type TrainSettings } from './settings.ts';

/** The settings in the form; undefined while it is closed. */
export const settings = signal<TrainSettings | undefined>(undefined);

/** What was in the form when it was closed. */
let closed = DEFAULTS;

/** Opens the form with what was in it last, or closes it. */
export function toggle(): void {
  const open = settings.value;
  if (open) closed = open;
  settings.value = open ? undefined : closed;
}

/** The end of the address, if the form is open. */
export const linkOf = (): string => (settings.value ? `&train=${settingsToText(settings.value)}` : '');

/** Opens the form if the part of an address after `#` has it. */
export function restore(hash: string): void {
  const text = new URLSearchParams(hash.replace(/^#/, '')).get('train');
  settings.value = text === null ? undefined : settingsFromText(text);
}
