/** @file Registries: the kinds of one thing (environments, compressors, …) by their ids. */

import { CadenzaError } from './errors.ts';
import { nearest } from './nearest.ts';

/** Kinds of one thing, in the order in which they were registered. */
export class Registry<T extends { readonly id: string }> {
  readonly #what: string;
  readonly #entries = new Map<string, T>();

  /**
   * @param what the thing in the singular, for messages, such as "environment".
   * @param builtin what is registered from the beginning.
   */
  constructor(what: string, builtin: readonly T[]) {
    this.#what = what;
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
      `there is no ${this.#what} "${id}"; the nearest is "${near}". Choose one of: ${this.ids.join(', ')}.`,
    );
  }

  /** Adds a kind. Throws `E_CONFIG` where its id is taken. */
  register(entry: T): void {
    if (this.#entries.has(entry.id))
      throw new CadenzaError('E_CONFIG', `there is a ${this.#what} "${entry.id}" already. Give the other one an id of its own.`);
    this.#entries.set(entry.id, entry);
  }
}
