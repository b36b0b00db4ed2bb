/** @file What the server and the page of the playground know of a model: a row of `agents/index.json`. */

/** Agents that are no models. No model has the name of one. */
export const OTHER_AGENTS = ['source', 'random', 'you'] as const;

/** A name that is not taken: the wanted one, or the first of `name-2`, `name-3`, …. */
export function freeName(wanted: string, taken: Iterable<string>): string {
  const names = new Set<string>([...OTHER_AGENTS, ...taken]);
  let [name, number] = [wanted, 1];
  while (names.has(name)) name = `${wanted}-${++number}`;
  return name;
}

/** A model in the list of the playground. */
export interface ListedModel {
  /** Its name in addresses. */
  readonly name: string;
  /** The method of the results that it is, such as `truncated`; unknown for models of users. */
  readonly method?: string;
  /** Its name on the page. */
  readonly label: string;
  /** Where it comes from. */
  readonly about: string;
  /** Whether there is a probe.json, which reads from Z where it believes things to be. */
  readonly probe?: boolean;
  /** Its environment. */
  readonly env: { readonly id: string; readonly options?: Readonly<Record<string, unknown>> };
}
