/** @file The methods of several runs in one table: their names, their styles, and the panels of their figures. */

import type { MethodTable, Results } from '../records/index.ts';
import { canonicalJson } from '../util/canonical.ts';
import { groupBy } from '../util/groups.ts';
import type { Panels } from './figures/figure.ts';
import { runStyles, type Styles } from './figures/style.ts';

/** A method in a table of several runs. */
export interface MethodOfRuns {
  readonly method: string;
  /** The runs that have these results: one, or several with equal results. */
  readonly runs: readonly string[];
}

/** Several runs in one table. */
export interface SideBySide {
  readonly methods: MethodTable;
  /** What the name of each row stands for. */
  readonly rows: ReadonlyMap<string, MethodOfRuns>;
  /** The color and the dash are those of the run; a method with equal results in several runs is gray. */
  readonly styles: Styles;
  /** One panel for each method, with the lines of all runs. */
  readonly panels: Panels;
}

/** The name of a method in a table of several runs: `cad (run)`. */
export const methodOfRun = (method: string, ...runs: readonly string[]): string => `${method} (${runs.join(', ')})`;

/** The methods of all runs, by the names of the runs. A method with equal results in several runs is listed once; if in all, by its name alone. */
export function sideBySide(runs: ReadonlyMap<string, Pick<Results, 'methods'>>): SideBySide {
  const methods: MethodTable = {};
  const rows = new Map<string, MethodOfRuns>();
  for (const method of new Set([...runs.values()].flatMap(({ methods }) => Object.keys(methods)))) {
    const having = [...runs.keys()].filter(run => Object.hasOwn(runs.get(run)!.methods, method));
    const equal = groupBy(having, run => canonicalJson(runs.get(run)!.methods[method]));
    for (const same of equal.values()) {
      const name = same.length === runs.size && runs.size > 1 ? method : methodOfRun(method, ...same);
      methods[name] = runs.get(same[0])!.methods[method];
      rows.set(name, { method, runs: same });
    }
  }
  const { of, shared } = runStyles([...runs.keys()]);
  const merged = [...rows.values()].some(({ runs }) => runs.length > 1);
  return {
    methods,
    rows,
    styles: new Map(
      [...rows].map(
        ([
          name,
          {
            runs: [run, ...more],
          },
        ]) => [name, more.length > 0 ? shared : of.get(run)!],
      ),
    ),
    panels: {
      titles: new Map([...rows].map(([name, { method }]) => [name, method])),
      key: [...[...of].map(([name, style]) => ({ name, ...style })), ...(merged ? [{ name: 'equal in several runs', ...shared }] : [])],
    },
  };
}
