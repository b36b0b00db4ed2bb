/** @file Registries: the kinds of one thing (environments, compressors, …) by their ids, those of imported modules among them. */

import { CadenzaError } from './errors.ts';
import { nearest } from './nearest.ts';

/** Where a kind that is not built in comes from. */
export interface Origin {
  /** The module that registered it. */
  readonly file: string;
  /** SHA-256 of the module, with what it imports from its own folder. */
  readonly sha256: string;
}

let changes = 0;
let loading: Origin | undefined;
/** Modules by the ids of the kinds that they registered. */
const origins = new Map<string, Set<Origin>>();

/** Runs `load`; what is registered meanwhile comes from the module `origin`. */
export async function registeredBy<T>(origin: Origin, load: () => Promise<T>): Promise<T> {
  loading = origin;
  try {
    return await load();
  } finally {
    loading = undefined;
  }
}

/** The modules that registered a kind with this id. */
export const originsOf = (id: string): Iterable<Origin> => origins.get(id) ?? [];

/** Whether anything comes from an imported module. */
export const hasImported = (): boolean => origins.size > 0;

/** Gives what `build` does, built again after something was registered. */
export function fromRegistries<T>(build: () => T): () => T {
  let built: { readonly at: number; readonly value: T } | undefined;
  return () => {
    if (built?.at !== changes) built = { at: changes, value: build() };
    return built.value;
  };
}

/** What the parts of a kind have to be: the type of each, with `?` where it may be missing. */
export type Parts = Readonly<Record<string, 'string' | 'function' | 'object' | 'function?' | 'object?'>>;

/** Kinds of one thing, in the order in which they were registered. */
export class Registry<T extends { readonly id: string }> {
  readonly #what: string;
  readonly #parts: Parts;
  readonly #entries = new Map<string, T>();

  /**
   * @param what the thing in the singular, for messages, such as "environment".
   * @param builtin what is registered from the beginning.
   * @param parts what else than an id a kind needs; checked where it is registered.
   */
  constructor(what: string, builtin: readonly T[], parts: Parts = {}) {
    this.#what = what;
    this.#parts = { id: 'string', ...parts };
    for (const entry of builtin) this.register(entry);
  }

  get all(): readonly T[] {
    return [...this.#entries.values()];
  }

  get ids(): readonly string[] {
    return [...this.#entries.keys()];
  }

  has(id: string): boolean {
    return this.#entries.has(id);
  }

  /** The kind with this id. Throws `E_CONFIG` for an unknown one, with the nearest. */
  get(id: string): T {
    const found = this.#entries.get(id);
    if (found) return found;
    const near = nearest(id, this.ids);
    throw new CadenzaError(
      'E_CONFIG',
      `there is no ${this.#what} "${id}"; the nearest is "${near}". Choose one of: ${this.ids.join(', ')}. One of your own is registered by a module that is imported (--import or imports).`,
    );
  }

  /** Adds a kind. Throws `E_CONFIG` where its id is taken, or a part is missing or of another type. */
  register(entry: T): void {
    for (const [part, expected] of Object.entries(this.#parts)) this.#expectPart(entry, part, expected);
    if (this.#entries.has(entry.id))
      throw new CadenzaError('E_CONFIG', `there is a ${this.#what} "${entry.id}" already. Give the other one an id of its own.`);
    this.#entries.set(entry.id, entry);
    changes++;
    if (!loading) return;
    const known = origins.get(entry.id) ?? new Set();
    origins.set(entry.id, known.add(loading));
  }

  #expectPart(entry: T, part: string, expected: Parts[string]): void {
    const value = (entry as Readonly<Record<string, unknown>>)?.[part];
    const [type, optional] = [expected.replace('?', ''), expected.endsWith('?')];
    if ((optional && value === undefined) || (value !== null && typeof value === type)) return;
    const which = typeof entry?.id === 'string' ? ` "${entry.id}"` : '';
    const came = value === undefined ? 'nothing' : `a value of type ${value === null ? 'null' : typeof value}`;
    throw new CadenzaError(
      'E_CONFIG',
      `the ${this.#what}${which} has ${came} as its part "${part}"; expected ${type === 'object' ? 'an' : 'a'} ${type}. Add it to the ${this.#what}.`,
    );
  }
}
