/** @file A tour of the page in six short steps, for people who see it for the first time. */

import { useEffect, useRef } from 'preact/hooks';
import { lanes, show, shown, tour } from './state.ts';

interface Stop {
  readonly title: string;
  readonly text: string;
  /** What it is about, and the control in it to try. */
  readonly anchor: string;
  readonly control?: string;
}

const STOPS: readonly Stop[] = [
  {
    title: 'What you see',
    text: 'Each card is a copy of one world, with one agent. It does not see what is dashed, such as a goal, and has to find it. Its weights never change: what it learns is in its memory, Z.',
    anchor: '.lanes',
  },
  {
    title: 'Run it',
    text: 'Press Play. In the first episodes the agent searches; once it has found the goal, it goes straight there. Choose more steps a second to see more episodes.',
    anchor: '.toolbar',
    control: 'button.main',
  },
  {
    title: 'The curve',
    text: 'A point is the score of one episode, or of 100 calls of a life. A line that rises is an agent that learns, without any training.',
    anchor: '.curve',
  },
  {
    title: 'Change the world',
    text: 'Choose here what a click moves, then click a cell of a card, or choose one with arrow keys and press Enter. The agent is not told, so it may first go to the old place.',
    anchor: '.toolbar fieldset',
    control: '.toolbar fieldset input:not(:checked)',
  },
  {
    title: 'Open the memory',
    text: 'Z is all that an agent remembers between episodes. Press Wipe while it runs: the agent forgets the goal, and searches again.',
    anchor: '[aria-label="Memory"]',
    control: '[data-tour="wipe"]',
  },
  {
    title: 'Change the memory',
    text: 'Set a number of Z by hand, and see what the agent does. With two agents of the same model and different goals, exchange their memories: each goes to the goal of the other.',
    anchor: '[aria-label="Memory"]',
    control: '[data-testid="latent"]',
  },
];

/** The first stop that is about a memory. */
const MEMORY = STOPS.findIndex(({ anchor }) => anchor.includes('Memory'));

/** Opens the tour. */
export function TourButton() {
  return (
    <button
      type="button"
      data-tour="open"
      onClick={() => {
        tour.value = 0;
      }}
    >
      Tour
    </button>
  );
}

/** The current stop of the tour, if it is open. The page stays usable, and Escape closes the tour. */
export function Tour() {
  const at = tour.value;
  const panel = useRef<HTMLElement>(null);
  const open = at !== undefined;
  useEffect(() => {
    if (!open) return;
    const close = (event: KeyboardEvent) => {
      if (event.key === 'Escape') end();
    };
    document.addEventListener('keydown', close);
    return () => document.removeEventListener('keydown', close);
  }, [open]);
  useEffect(() => {
    if (at === undefined) return;
    // The memory that it speaks of is that of an agent with one.
    const withMemory = lanes.value.findIndex(({ latents }) => latents);
    if (at >= MEMORY && withMemory >= 0 && !lanes.value[shown.value]?.latents) show(withMemory);
    const anchor = document.querySelector(STOPS[at].anchor);
    anchor?.classList.add('tour-anchor');
    const calm = matchMedia('(prefers-reduced-motion: reduce)').matches;
    anchor?.scrollIntoView({ block: 'start', behavior: calm ? 'auto' : 'smooth' });
    panel.current?.focus({ preventScroll: true });
    return () => anchor?.classList.remove('tour-anchor');
  }, [at]);
  if (at === undefined) return null;
  const { title, text, control } = STOPS[at];
  const go = (to: number) => {
    tour.value = to;
  };
  return (
    <section class="tour" role="dialog" aria-labelledby="tour-title" aria-describedby="tour-text" tabIndex={-1} ref={panel}>
      <h2 id="tour-title">
        {at + 1} of {STOPS.length}: {title}
      </h2>
      <p id="tour-text">{text}</p>
      <div class="controls">
        {at > 0 && (
          <button type="button" onClick={() => go(at - 1)}>
            Back
          </button>
        )}
        <button type="button" class="main" onClick={() => (at + 1 < STOPS.length ? go(at + 1) : end())}>
          {at + 1 < STOPS.length ? 'Next' : 'Done'}
        </button>
        {control && (
          <button type="button" onClick={() => document.querySelector<HTMLElement>(control)?.focus()}>
            Try it
          </button>
        )}
        <button type="button" onClick={end}>
          Close
        </button>
      </div>
    </section>
  );
}

/** Closes the tour, and leaves the focus on what opens it. */
function end(): void {
  tour.value = undefined;
  document.querySelector<HTMLElement>('[data-tour="open"]')?.focus();
}
