/** @file Messages between the page and the worker in which a session runs. */

import type { ListedModel } from '../../../src/server/listed-model.ts';
import type { Edit, EditKind, LaneView, Look, Setup } from './session.ts';

/** Files of a model that the page was given, by name. */
export type ModelFiles = Readonly<Record<string, Uint8Array>>;

/** What the page asks for. */
export type Request =
  /** Opens a session; `base` is the address of the folder with the models, and `probes` names those with a probe.json. */
  | {
      readonly kind: 'open';
      readonly base: string;
      readonly probes: readonly string[];
      readonly setup: Setup;
      readonly steps: readonly number[];
      readonly edits: readonly Edit[];
    }
  /** Steps a second; 0 pauses. */
  | { readonly kind: 'run'; readonly speed: number }
  | { readonly kind: 'step' }
  | { readonly kind: 'edit'; readonly lane: number; readonly what: EditKind }
  /** What is computed for one agent alone. */
  | { readonly kind: 'look'; readonly at: Look }
  /** Plays the session again, and answers with its latest steps. */
  | { readonly kind: 'record'; readonly last: number }
  /** The page has drawn the latest view. */
  | { readonly kind: 'drawn' }
  | { readonly kind: 'model'; readonly name: string; readonly about: string; readonly files: ModelFiles };

/** What the worker answers. */
export type Answer =
  | {
      readonly kind: 'view';
      readonly setup: Setup;
      readonly lanes: readonly LaneView[];
      readonly edits: readonly Edit[];
      /** Whether no step follows before the page asks for one. */
      readonly paused: boolean;
    }
  /** The agents before their first step, while models are loaded. */
  | { readonly kind: 'sketch'; readonly lanes: readonly LaneView[] }
  /** One entry for each of the latest steps: the agents after it. */
  | { readonly kind: 'recorded'; readonly frames: readonly (readonly LaneView[])[] }
  | { readonly kind: 'progress'; readonly share: number }
  | { readonly kind: 'model'; readonly name: string; readonly about: string; readonly env: ListedModel['env']; readonly probe: boolean }
  | { readonly kind: 'failed'; readonly code: string; readonly message: string };
