/** @file Pages of what files hold: results with their metrics, file formats, error codes. Fields and words are those of the schemas in `src`. */

import { lossTerms } from '../../src/agent/terms.ts';
import { TRAINING_METRICS } from '../../src/training/metrics.ts';
import { EXIT_CODES } from '../../src/util/errors.ts';
import { code, list, page, sentence, table } from './markdown.ts';
import type { Field } from './types.ts';

/** An exported type or constant: the file that declares it, and its name. */
export type Declared = readonly [file: string, name: string];
export type FieldsOf = (...declared: Declared) => Field[];

const ERRORS: Declared = ['src/util/errors.ts', 'EXIT_CODES'];

/** What results.json holds, by the kind of experiment. */
const RESULTS: readonly (readonly [title: string, introduction: string, declared: Declared])[] = [
  ['Experiments in reinforcement learning', 'The file `results.json` of `run` and `ablate`.', ['src/records/results-format.ts', 'Results']],
  [
    'Supervised experiments',
    'The file `results.json` of an experiment with a `problem`.',
    ['src/records/supervised.ts', 'SupervisedResults'],
  ],
  [
    'Recorded experiments',
    'The file `results.json` where only recordings of an environment exist.',
    ['src/records/recorded.ts', 'RecordedResults'],
  ],
];

const FORMATS: readonly (readonly [title: string, introduction: string, declared: Declared])[] = [
  [
    'returns.json',
    'Raw returns from which every score in `results.json` is computed, and can be computed again.',
    ['src/records/returns-format.ts', 'RawReturns'],
  ],
  [
    'model/model.json',
    'Next to the ONNX graphs of an exported agent: all that a program needs to drive them. [How to](../how-to/deploy.md).',
    ['src/policy/description.ts', 'ModelDescription'],
  ],
  [
    'model/probe.json',
    'Next to model.json once `cadenza inspect` has looked into the run: reads from Z where things are. [How to](../how-to/playground.md#probes).',
    ['src/policy/belief.ts', 'Probe'],
  ],
  ['inspect.json', 'What `cadenza inspect` measured.', ['src/records/inspection.ts', 'Inspection']],
  ['tune.json', 'A search of settings, trial by trial.', ['src/records/study.ts', 'Study']],
  [
    'manifest.json',
    'A folder of learning histories: who made them, how, and which tasks are held out. The histories are shards in Apache Arrow.',
    ['src/data/manifest.ts', 'Manifest'],
  ],
  ['dataset.json', 'A data set that `cadenza import` wrote.', ['src/data/dataset.ts', 'Dataset']],
];

export const DECLARED: readonly Declared[] = [ERRORS, ...[...RESULTS, ...FORMATS].map(([, , declared]) => declared)];

const fieldList = (fields: readonly Field[]) =>
  list(fields.map(({ path, type, optional, about }) => ({ name: path, facts: [sentence(type), optional ? 'optional' : ''], about })));

export function resultsPage(fieldsOf: FieldsOf): string {
  const metrics = [
    ...Object.entries(TRAINING_METRICS).map(([name, about]) => [code(name.replace(/\.$/, '.NAME')), sentence(about)]),
    ...lossTerms.all.map(({ id, name, description }) => [code(id), `${code(name)}, a term of the loss: ${sentence(description)}`]),
  ];
  return page(
    'Metrics and result fields',
    'Every field of `results.json` and every metric of training. `[name]` stands for the entries of a map, `[]` for those of a list. ' +
      'The [evaluation page](../concepts/evaluation.md) explains how scores and intervals are computed.',
    ...RESULTS.map(([title, introduction, declared]) => `## ${title}\n\n${introduction}\n\n${fieldList(fieldsOf(...declared))}`),
    [
      '## Training metrics',
      'Each training stage writes a line every ten steps to `stages/STAGE-KEY/metrics.jsonl`. [Plot training metrics](../how-to/metrics.md) shows how to read it.',
      table(['metric', 'what it is'], metrics),
    ].join('\n\n'),
  );
}

export const formatsPage = (fieldsOf: FieldsOf): string =>
  page(
    'File formats',
    'The JSON files that cadenza writes, field by field. All are checked in full when they are read; a file that does not fit is refused ' +
      'with the field that is wrong. Weights are [safetensors](../engine.md#checkpoints), graphs are ONNX. ' +
      '`results.json` has [a page of its own](results.md).',
    ...FORMATS.map(([title, introduction, declared]) => `## ${title}\n\n${introduction}\n\n${fieldList(fieldsOf(...declared))}`),
  );

export function errorsPage(fieldsOf: FieldsOf): string {
  const about = new Map(fieldsOf(...ERRORS).map(field => [field.path, field.about]));
  return page(
    'Error codes',
    'Every failure that a user can meet has a stable code. The command line prints it with a message that says what was expected, what was ' +
      'found, where, and what to do; with `--json` as an object. In code, catch `CadenzaError` and read `code`.',
    table(
      ['code', 'exit status', 'meaning'],
      Object.entries(EXIT_CODES).map(([name, status]) => [code(name), String(status), sentence(about.get(name) ?? '')]),
    ),
    'Status 1 is a fault of cadenza itself.',
  );
}
