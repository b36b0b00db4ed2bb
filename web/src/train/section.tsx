/** @file The section of the page in which agents are trained. Its form is loaded when it is opened. */

import { useSignal, useSignalEffect } from '@preact/signals';
import type { ComponentType } from 'preact';
import { settings, toggle } from './link.ts';

export function TrainSection() {
  const panel = useSignal<ComponentType | undefined>(undefined);
  const open = settings.value !== undefined;
  useSignalEffect(() => {
    if (settings.value && !panel.peek())
      void import('./panel.tsx').then(({ default: Panel }) => {
        panel.value = Panel;
      });
  });
  const Panel = panel.value;
  return (
    <section aria-label="Training">
      <h2>Train an agent</h2>
      <button type="button" aria-expanded={open} onClick={toggle}>
        {open ? 'Close the form' : 'Train one in this page'}
      </button>
      {open && Panel && <Panel />}
    </section>
  );
}
