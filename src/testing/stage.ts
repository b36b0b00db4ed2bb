/** @file The contract of training stages, checked in a small experiment. */

import { partOf } from '../agent/model.ts';
import { lossTerms } from '../agent/terms.ts';
import { Scope } from '../nn/index.ts';
import { helpOf, type stages } from '../training/stages/index.ts';
import { type Check, checksOf, expectEqual, expectFinite, expectThat, type Rule } from './check.ts';
import { expectGradients, type SmallExperiment, smallExperiment, valuesOf } from './experiment.ts';

const BATCH = 2;

type Stage = (typeof stages.all)[number];
type Sections = Readonly<Record<string, unknown>>;

interface Subject {
  readonly stage: Stage;
  readonly sections: Sections;
}

/** The experiment with two steps of the stage. */
const open = ({ stage: { name }, sections }: Subject): SmallExperiment =>
  smallExperiment({ ...sections, [name]: { ...(sections[name] as object), steps: 2 } });

const RULES: readonly Rule<Subject>[] = [
  {
    name: 'words: it has a name, and a sentence for its command',
    check: ({ stage }) => {
      for (const [key, text] of Object.entries({ name: stage.name, help: helpOf(stage) }))
        expectThat(typeof text === 'string' && text.trim() !== '', key, 'a text', text);
    },
  },
  {
    name: 'steps: positive if its section has steps, and 0 if that has 0',
    check(subject) {
      const { stage } = subject;
      const { config } = open(subject);
      const found = stage.steps(config);
      expectThat(found > 0, `steps with ${stage.name}.steps 2`, 'more than 0', found);
      const section = (config as unknown as Sections)[stage.name] as object;
      expectEqual(stage.steps({ ...config, [stage.name]: { ...section, steps: 0 } }), 0, `steps with ${stage.name}.steps 0`);
    },
  },
  {
    name: 'terms: they are registered, and their weights are those of the settings that they name',
    check(subject) {
      const { config } = open(subject);
      for (const { term, weight, setting } of subject.stage.terms?.(config) ?? []) {
        expectThat(lossTerms.has(term), 'term', `one of ${lossTerms.ids.join(', ')}`, term);
        if (setting === undefined) continue;
        const value = setting.split('.').reduce<unknown>((node, key) => (node as Sections | undefined)?.[key], config);
        expectEqual(weight, value, `weight of ${term}, which is set by ${setting}`);
      }
    },
  },
  {
    name: 'parts: there is an objective for each trained part',
    check(subject) {
      const { stage } = subject;
      const { config, model } = open(subject);
      const parts = stage.parts?.(config) ?? [{ name: stage.name, steps: stage.steps(config) }];
      const names = parts.filter(({ steps }) => steps !== undefined).map(({ name }) => name);
      const objectives = stage.objectives(config, model).map(({ name }) => name);
      expectEqual(objectives, names, 'names of the objectives, by the parts that have steps');
    },
  },
  {
    name: 'objectives: each is a finite scalar whose gradients reach the parts that it trains',
    check(subject) {
      const { config, model } = open(subject);
      for (const { name, trains, compressor, build } of subject.stage.objectives(config, model)) {
        const scope = new Scope();
        const { loss, metrics } = build(scope, BATCH);
        expectEqual(loss.shape, [], `shape of the loss of ${name}`);
        for (const [key, value] of Object.entries(valuesOf({ loss, ...metrics }, scope))) expectFinite(value, `${key} of ${name}`);
        const reached = new Set(expectGradients(loss, scope).map(partOf));
        const there = new Set([...scope.table.keys()].map(partOf));
        // A model that compresses nothing has no such part.
        for (const part of trains)
          if (there.has(part) || compressor === config.compressor)
            expectThat(reached.has(part), `parts that the gradients of ${name} reach`, `${part} among them`, [...reached]);
      }
    },
  },
  {
    name: 'methods: those that it adds have distinct names',
    check(subject) {
      const names = subject.stage.methods(open(subject).config).map(({ method }) => method);
      for (const name of names) expectThat(typeof name === 'string' && name.trim() !== '', 'name of a method', 'a text', name);
      expectEqual(names.length, new Set(names).size, `distinct names among ${names.join(', ')}`);
    },
  },
];

/**
 * The contract of training stages, checked in the interpreter; training itself is not. The stage must be registered, so that the experiment
 * has its section.
 *
 * @param sections sections of the configuration that it needs, such as `{ policy: { retrieval: { contexts: 1 } } }`.
 * @example
 * import { test } from 'node:test';
 * for (const { name, run } of stageChecks(stages.get('polish'))) test(name, run);
 */
export const stageChecks = (stage: Stage, sections: Sections = {}): Check[] => checksOf(RULES, { stage, sections });
