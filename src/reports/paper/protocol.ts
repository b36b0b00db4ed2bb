/** @file Methods: compared methods, evaluation, and implementation (method 6). */

import type { Kinds, MethodResult, Setting } from '../../records/index.ts';
import { isMap } from '../../util/canonical.ts';
import { escapeTex } from './escape.ts';
import { type Facts, has, stepsPath } from './facts.ts';
import { baselineProse, environmentProse, sourceProse, TEACHER } from './prose.ts';
import { citedWords, rowSets } from './tables.ts';
import { audited } from './training.ts';
import { join, paragraph, rebase, type Written, write } from './write.ts';

const raw = String.raw;

/** The agent, its later versions, its teacher, baselines, and methods without a network of this experiment. */
const ORDER = [/^cad\b/, /^reinforced\b/, /^teacher$/, /^(?!source$|oracle$|random$)/, /./];

/** Methods in the order in which they are explained. */
export function methodOrder(methods: Readonly<Record<string, MethodResult>>): string[] {
  const rank = (name: string) => ORDER.findIndex(group => group.test(name));
  return Object.keys(methods).sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
}

/** A sentence for every method of the results. */
export function compared(facts: Facts): (Written | undefined)[] {
  const items = methodOrder(facts.results.methods).map(row => {
    const words = methodWords(facts, row);
    const said = words && paragraph(facts, words);
    const name = write(facts, `<results/methods/${row}:name>`);
    return name && said && join([{ text: raw`\item[${name.text}]`, citations: name.citations }, said], ' ');
  });
  const list = join([raw`\begin{description}`, ...items, raw`\end{description}`], '\n');
  const trained = facts.config.baselines.methods.some(method => Object.hasOwn(facts.setting.parameters, method));
  return [
    paragraph(facts, [
      'The results compare these methods.',
      has(facts, 'baselines') &&
        trained &&
        raw`Unless stated otherwise, baselines have the policy of CAD and are trained end to end on $\ell_\mathrm{task}$ for <${stepsPath(facts, 'baselines')}|step>.`,
    ]),
    list,
  ];
}

function methodWords(facts: Facts, row: string): (string | false)[] | undefined {
  const { kinds, results } = facts;
  const { given, retrieval } = results.methods[row];
  const note = given !== undefined && `It was given <results/methods/${row}/given>; methods without this note were not.`;
  if (row === 'cad') return [`The agent${has(facts, 'finetune') ? ' after joint fine-tuning' : ' after distillation'}, with $m$ latents.`];
  if (row === 'reinforced') return ['The agent after reinforcement.'];
  if (row === 'source') return ['The source algorithm itself, which learns in the same streams without added noise.'];
  if (row === 'random') return ['Uniformly random actions.'];
  if (row === 'teacher') return [TEACHER];
  if (retrieval) return ['The agent after training with retrieval.', note];
  if (Object.hasOwn(kinds.baselines, row)) return [rebase(baselineProse(kinds.baselines[row]), 'config'), note];
  const stage = facts.stages.find(({ methods }) => methods.includes(row));
  if (stage) return [raw`The agent after the stage \emph{${escapeTex(stage.name)}}.`, note];
  return given === undefined ? undefined : ['The same network with a prompt.', note];
}

export function evaluation(facts: Facts): (Written | undefined)[] {
  const { config, results } = facts;
  const { tasks, sampling, envs } = config.evaluate;
  const regrets = Object.values(results.methods).some(({ regret }) => regret !== undefined);
  const several = results.episodes > 1;
  const words = citedWords(rowSets(facts)[0]);
  return [
    paragraph(facts, [
      audited(facts, 'evaluated')
        ? `Every method was evaluated on <results/split/evaluated|${tasks} task>, a random subset of the held-out tasks.`
        : `Every method was evaluated on all <results/split/test|${tasks} task>.`,
      `Each task has <config/evaluate/streams|independent stream> for each training seed, of <results/episodes|episode> each; the memory of a stream is never reset and weights do not change.`,
      sampling === 'sample' ? 'Actions are sampled from the policy.' : 'The most likely action is taken.',
      words.meaning,
      results.methods[Object.keys(results.methods)[0]].return !== undefined && 'Mean raw returns are given next to normalized ones.',
      several && 'The final score of a stream is its mean over the last <setting/finalEpisodes|episode>.',
      raw`In addition to the mean, we report the interquartile mean (IQM) of all streams, which drops the lowest and the highest quarter~\cite{agarwal2021}.`,
      `${results.intervalNote.startsWith('No intervals') ? '' : 'Intervals are '}<results/intervalNote>`,
      results.versus !== undefined &&
        raw`The agent is compared with every other method by differences between streams that are paired by task, training seed and number, with the same bootstrap, and by the probability of improvement~\cite{agarwal2021}.`,
      regrets &&
        'Cumulative regret is the expected reward of the best action minus that of the chosen action, summed over the scored steps of a stream.',
    ]),
    paragraph(facts, [
      'Costs are counted from the inference graphs of one stream.',
      'Floating-point operations per action are those of the policy for the whole current query, plus those of the compressor divided by the number of actions between two compressions.',
      'The state is the input of the policy: latents and the current query. The raw history is what is stored in addition for the next compression.',
    ]),
    paragraph(facts, [
      envs.length > 0 &&
        `The same networks were also evaluated with other options of the environment: ${envs
          .map(
            ({ options }, i) =>
              `${raw`\texttt{`}<config/evaluate/envs/${i}/name>} (${Object.keys(options)
                .map(key => raw`${key} <config/evaluate/envs/${i}/options/${key}>`)
                .join(', ')})`,
          )
          .join(', ')}.`,
      results.returns !== undefined &&
        'Predicted returns were evaluated on new histories of the source on the evaluated tasks: at the start of every episode, the networks predict the returns of this and of the following episodes. Errors are divided by ' +
          `${words.unit}.`,
    ]),
    paragraph(facts, [
      results.imitation !== undefined &&
        raw`Imitation was evaluated while the networks observe the source learning the evaluated tasks again: how often their most likely action is one of the source's most likely actions, the divergence from the source's distribution, and the expected calibration error~\cite{guo2017} with the source's distribution as outcomes.`,
    ]),
    ...config.tables.map((_, i) => furtherTable(facts, i)),
  ];
}

/** The settings that a further table changes, and the description of another source or environment. */
function furtherTable(facts: Facts, i: number): Written | undefined {
  const { config, kinds, setting } = facts;
  const { name, set } = config.tables[i];
  const changed = leaves(set, `config/tables/${i}/set`).map(([key, path]) => raw`\texttt{${key}} <${path}>`);
  const [first, own] = [wordsOf(kinds, setting), wordsOf(kinds.tables[name], setting.tables?.[name])];
  return paragraph(facts, [
    raw`The table \texttt{<config/tables/${i}/name>} repeats the experiment with some settings changed: ${changed.join(', ')}.`,
    own.source !== undefined && own.source !== first.source && `Its source is ${rebase(own.source, `setting/tables/${name}/source`)}`,
    own.environment !== undefined && own.environment !== first.environment && rebase(own.environment, `setting/tables/${name}/environment`),
  ]);
}

const wordsOf = ({ environment, source }: Kinds, setting?: Setting) => ({
  environment: environment && environmentProse({ ...environment, options: setting?.environment.options ?? {} }),
  source: source && sourceProse(source),
});

/** Every value in a tree of settings, with its dotted key and its path. */
export function leaves(tree: object, base: string, key = ''): [key: string, path: string, value: unknown][] {
  return Object.entries(tree).flatMap(([part, value]) => {
    const [inner, path] = [key ? `${key}.${part}` : part, `${base}/${part}`];
    return isMap(value) ? leaves(value, path, inner) : [[inner, path, value] as [string, string, unknown]];
  });
}

/** The settings in which each further run differs from the first. */
export function differences({ runs, ...first }: Facts): (Written | undefined)[] {
  if (!runs) return [];
  const facts = { ...first, runs };
  const own = new Map(settingsOf(first));
  return [...runs].slice(1).map(([name, run]) => {
    const changed = settingsOf(run).filter(([key, value]) => own.get(key) !== value);
    const list = changed.map(([key]) => raw`\texttt{${key}} <runs/${name}/config/${key.replaceAll('.', '/')}>`);
    return paragraph(facts, [
      'The description above is of the run <results/name>.',
      list.length > 0
        ? `The run <runs/${name}:name> differs from it in these settings: ${list.join(', ')}.`
        : `The run <runs/${name}:name> has the same settings.`,
      raw`It was made by version <runs/${name}/results/run/version>${atCommit(run.results.run.commit, `runs/${name}/results/run/commit`)}.`,
    ]);
  });
}

/** The commit at `path` of the record, if it is known: an installed package has none. */
const atCommit = (commit: string, path: string) => (commit === 'unknown' ? '' : raw` at commit <${path}:tt>`);

/** Every recorded setting with its value as text, except names and settings of the machine. */
function settingsOf({ results }: Pick<Facts, 'results'>): [key: string, value: string][] {
  const { name: _, executor: __, checkpoint: ___, tables: ____, ...settings } = results.run.config as Record<string, unknown>;
  return leaves(settings, '').map(([key, , value]) => [key, JSON.stringify(value)]);
}

export function implementation(facts: Facts): (Written | undefined)[] {
  const { machine, dataHashes, commit } = facts.results.run;
  const { provider } = facts.config.executor;
  const hashes = Object.keys(dataHashes).map(name =>
    Object.keys(dataHashes).length > 1
      ? raw`<results/run/dataHashes/${name}:name> <results/run/dataHashes/${name}:tt>`
      : `<results/run/dataHashes/${name}:tt>`,
  );
  return [
    paragraph(facts, [
      raw`The experiment is \texttt{<results/name>} of cadenza <results/run/version>${atCommit(commit, 'results/run/commit')}, run by <results/run/command:tt> under Node.js <results/run/node>.`,
      'Training steps and inference are ONNX graphs, run by ONNX Runtime ' +
        (provider === 'cpu'
          ? 'on <config/executor/threads|thread> of the processor'
          : raw`with its execution provider \texttt{<config/executor/provider>}`) +
        '.',
      typeof machine === 'string'
        ? 'It ran on this machine: <results/run/machine>.'
        : 'It ran on <results/run/machine/cpu> with <results/run/machine/cores|core> and <results/run/machine/memoryGiB> GiB of memory (<results/run/machine/platform>).',
      raw`The learning histories have the hashes ${hashes.join('; ')}.`,
    ]),
  ];
}
