/** @file Registries: the kinds of one thing (environments, compressors, …) by id, including those that imported modules register. */

import { CadenzaError } from './errors.ts';
import { nearest } from './nearest.ts';

/** The module that registered a kind that is not built in. */
export interface Origin {
  /** Path of the module. */
  readonly file: string;
  /** SHA-256 of the module with what it imports from its own folder. */
  readonly sha256: string;
}

let changes = 0;
let loading: Origin | undefined;
/** Modules by the ids of the kinds that they registered. */
const origins = new Map<string, Set<Origin>>();

/** Runs `load`; whatever it registers is attributed to the module `origin`. */
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

/** Whether any kind comes from an imported module. */
export const hasImported = (): boolean => origins.size > 0;

/** Caches the result of `build`, and builds it again after something was registered. */
export function fromRegistries<T>(build: () => T): () => T {
  let built: { readonly at: number; readonly value: T } | undefined;
  return () => {
    if (built?.at !== changes) built = { at: changes, value: build() };
    return built.value;
  };
}

/** The required parts of a kind: the type of each, with `?` if it is optional, or the texts it may be. */
export type Parts = Readonly<Record<string, 'string' | 'function' | 'object' | 'function?' | 'object?' | readonly string[]>>;

/** An ordered collection of kinds, in order of registration unless a kind says which one it comes `after`. */
export class Registry<T extends { readonly [key in K]: string } & { readonly after?: string }, K extends string = 'id'> {
  /** All kinds. The list is live: later registrations appear in it. */
  readonly all: readonly T[] = [];
  readonly #what: string;
  readonly #parts: Parts;
  readonly #key: K;
  /** The kinds that neither are built in nor come from a module. */
  readonly #own = new Set<string>();

  /**
   * @param what the thing in the singular, for messages, such as "environment".
   * @param builtin the initial kinds.
   * @param parts the required parts besides the id; checked at registration.
   * @param key the part that is the id.
   */
  constructor(what: string, builtin: readonly T[], parts: Parts = {}, key: K = 'id' as K) {
    this.#what = what;
    this.#key = key;
    this.#parts = { [key]: 'string', ...parts };
    for (const entry of builtin) this.#add(entry);
  }

  get ids(): readonly string[] {
    return this.all.map(entry => entry[this.#key]);
  }

  has(id: string): boolean {
    return this.ids.includes(id);
  }

  /** Whether another thread or process that imports the same modules knows the kind: not if this program registered it itself. */
  isElsewhere(id: string): boolean {
    return this.has(id) && !this.#own.has(id);
  }

  /**
   * The kind with this id.
   *
   * @throws {CadenzaError} `E_CONFIG` for an unknown id, suggesting the nearest.
   */
  get(id: string): T {
    const found = this.all.find(entry => entry[this.#key] === id);
    if (found) return found;
    const near = nearest(id, this.ids);
    throw new CadenzaError(
      'E_CONFIG',
      `there is no ${this.#what} "${id}"; the nearest is "${near}". Choose one of: ${this.ids.join(', ')}. To use your own, import the module that registers it (--import or imports).`,
    );
  }

  /**
   * Adds a kind.
   *
   * @throws {CadenzaError} `E_CONFIG` if its id is taken, or a part is missing or has the wrong type.
   */
  register(entry: T): void {
    this.#add(entry);
    const id: string = entry[this.#key];
    if (!loading) {
      this.#own.add(id);
      return;
    }
    const known = origins.get(id) ?? new Set();
    origins.set(id, known.add(loading));
  }

  /** Adds a kind without attributing it to a module: a module that is loading may be the first to load the built-in kinds. */
  #add(entry: T): void {
    for (const [part, expected] of Object.entries(this.#parts)) this.#expectPart(entry, part, expected);
    const id: string = entry[this.#key];
    if (this.has(id)) {
      const by = Array.from(originsOf(id), ({ file }) => file).join(', ') || 'cadenza itself';
      throw new CadenzaError('E_CONFIG', `the ${this.#what} "${id}" is already registered, by ${by}. Choose another id.`);
    }
    const place = entry.after === undefined ? this.all.length : this.all.indexOf(this.get(entry.after)) + 1;
    (this.all as T[]).splice(place, 0, entry);
    changes++;
  }

  #expectPart(entry: T, part: string, expected: Parts[string]): void {
    const value = (entry as Readonly<Record<string, unknown>>)?.[part];
    const id: unknown = entry?.[this.#key];
    const which = typeof id === 'string' ? ` "${id}"` : '';
    const refuse = (found: string, wanted: string) =>
      new CadenzaError(
        'E_CONFIG',
        `the ${this.#what}${which} has ${found} as "${part}"; expected ${wanted}. ${value === undefined ? 'Add' : 'Change'} it in the ${this.#what}.`,
      );
    const came = value === undefined ? 'nothing' : `a value of type ${value === null ? 'null' : typeof value}`;
    if (typeof expected !== 'string') {
      if (typeof value === 'string' && expected.includes(value)) return;
      throw refuse(typeof value === 'string' ? `"${value}"` : came, `one of ${expected.join(', ')}`);
    }
    const [type, optional] = [expected.replace('?', ''), expected.endsWith('?')];
    if ((optional && value === undefined) || (value !== null && typeof value === type)) return;
    throw refuse(came, `${type === 'object' ? 'an' : 'a'} ${type}`);
  }
}
