/** @file `cadenza store`: a database of contexts of a finished run, as latents and codes, with nearest-neighbor queries. */

import { type Command, Option } from 'commander';
import type { ContextAbout } from '../../data/contexts.ts';
import { type Counted, METRICS, type MetricId } from '../../data/retrieval.ts';
import type { StoreStatistics } from '../../retrieval/quality.ts';
import { CadenzaError } from '../../util/errors.ts';
import { terminalProgress } from '../../util/progress.ts';
import { Random } from '../../util/random.ts';
import { ending, type Next } from '../ending.ts';
import { atWork, collect, jsonOption, numberOption, outOption, pathOf, print, printJson } from '../options.ts';

export function registerStore(program: Command): void {
  const store = program.command('store').description('build and query a database of compressed contexts');
  registerBuild(store);
  registerQuery(store);
  registerStats(store);
}

interface BuildOptions {
  out: string;
  from: string[];
  histories?: number;
  every: number;
  streams: number;
  episodes?: number;
  seed: number;
  json?: boolean;
}

const FROM =
  'contexts to add: training histories (histories), or rollouts on train, validation or test tasks, or on the task with this key (repeatable)';

function registerBuild(store: Command): void {
  store
    .command('build')
    .argument('<run>', 'folder of a finished run')
    .description("compress contexts with a run's model and add them to a database")
    .addOption(outOption('database file, such as contexts.db; created if it does not exist', '--out <file>').makeOptionMandatory())
    .addOption(new Option('--from <what>', FROM).argParser(collect).default([] as string[], 'histories'))
    .addOption(numberOption('--histories <n>', 'histories per training task (default: all)', 1))
    .addOption(numberOption('--every <n>', 'add one context every n episodes', 1).default(1))
    .addOption(numberOption('--streams <n>', 'rollouts: streams per task', 1).default(10))
    .addOption(numberOption('--episodes <n>', 'rollouts: episodes per stream (default: evaluate.episodes of the run)', 1))
    .addOption(numberOption('--seed <n>', 'rollouts: random seed of the streams', 0).default(0))
    .addOption(jsonOption())
    .action(
      async (folder: string, { out, from: given, histories: limit, every, seed, streams, json = false, ...options }: BuildOptions) => {
        const { progress, signal } = atWork();
        const stage = await import('../../retrieval/contexts.ts');
        const { openRun, trainingHistories } = await import('../../analysis/finished.ts');
        const { ContextDatabase } = await import('../../data/contexts.ts');
        const { readyExecutor } = await import('../../engine/executors/registry.ts');
        const { firstOfEach } = await import('../../rl/index.ts');
        const run = await openRun(folder);
        const from = given.length > 0 ? given : ['histories'];
        const named = from.filter(name => name !== 'histories');
        const tasks = stage.namedTasks(run, named);
        const executor = await readyExecutor(run.config.executor, progress.say);
        const contexts = await stage.onceFree(() => ContextDatabase.open(out, run.model), { progress, signal });
        try {
          const compressor = await stage.ContextCompressor.open(run, executor);
          const recorded = from.includes('histories') ? firstOfEach(trainingHistories(run), limit) : [];
          const episodes = options.episodes ?? run.config.evaluate.episodes;
          const rolling = { tasks, streams, episodes, seed, executor, progress, signal };
          const rolled = tasks.length > 0 ? await stage.policyHistories(run, rolling) : [];
          const { added, known } = await stage.storeContexts(contexts, compressor, [...recorded, ...rolled], { every, progress, signal });
          await compressor.dispose();
          const result = { store: out, added, known, contexts: contexts.count, bytes: contexts.bytes };
          if (json) return printJson(result);
          const found = [
            `Added ${added} contexts${known > 0 ? `; ${known} others are equal to stored ones` : ''}. The database now has ${result.contexts} contexts and ${result.bytes} bytes.`,
          ];
          const query = ['store', 'query', out, '--run', folder, '--history', '0', '--episode', '1'];
          const next: Next[] = [
            [query, 'find the stored contexts nearest to a given one'],
            [['store', 'stats', out], 'how often the nearest contexts are of the same task'],
          ];
          print(ending({ found, out, next }));
        } finally {
          progress.stop();
          contexts.close();
        }
      },
    );
}

/** How read-only commands wait for a writer: a signal ends them immediately, because there is nothing to save. */
const waitingForStore = () => ({ progress: terminalProgress(), signal: new AbortController().signal });

/** Adds options that filter contexts. `whose` names what they filter. */
const counted = (command: Command, whose: string) =>
  command
    .addOption(numberOption('--from-episode <n>', `only ${whose} after at least n episodes`, 1).default(1))
    .option('--rewarded', `only ${whose} with a reward; without one, a context does not reveal its task`);

/** The filter in words; empty without one. */
const countedWords = ({ fromEpisode, rewarded }: Counted): string =>
  [fromEpisode > 1 && `${afterEpisodes(fromEpisode)} or more`, rewarded && 'with a reward'].filter(Boolean).join(' and ');

interface QueryOptions extends Partial<Counted> {
  run: string;
  history: number;
  episode: number;
  k: number;
  metric: MetricId;
  own?: boolean;
  json?: boolean;
}

function registerQuery(store: Command): void {
  counted(store.command('query'), 'stored contexts')
    .argument('<db>', 'database file')
    .description('find the stored contexts nearest to a given one')
    .requiredOption('--run <folder>', 'the run from which the database was built', pathOf('--run'))
    .addOption(numberOption('--history <i>', 'index of the training history of the query, from 0', 0).makeOptionMandatory())
    .addOption(numberOption('--episode <n>', 'the query is the context after this many episodes', 1).makeOptionMandatory())
    .addOption(numberOption('-k <n>', 'number of contexts to find', 1).default(5))
    .addOption(new Option('--metric <name>', 'distance between latents').choices(Object.keys(METRICS)).default('l2'))
    .option('--own', 'include contexts of the same history, which are naturally close')
    .addOption(jsonOption())
    .action(async (db: string, { run: folder, history: index, episode, k, metric, own = false, json = false, ...rest }: QueryOptions) => {
      const { fromEpisode = 1, rewarded = false } = rest;
      const stage = await import('../../retrieval/contexts.ts');
      const { openRun, trainingHistories } = await import('../../analysis/finished.ts');
      const { ContextDatabase } = await import('../../data/contexts.ts');
      const { counts, nearestContexts } = await import('../../data/retrieval.ts');
      const { readyExecutor } = await import('../../engine/executors/registry.ts');
      const run = await openRun(folder);
      const waiting = waitingForStore();
      const contexts = await stage.onceFree(() => ContextDatabase.open(db, run.model, { create: false }), waiting);
      try {
        const histories = trainingHistories(run);
        const history = histories[index];
        if (!history)
          throw new CadenzaError(
            'E_DATA',
            `--history ${index}: expected an index from 0 to ${histories.length - 1}, because the run has ${histories.length} training histories.`,
          );
        const compressor = await stage.ContextCompressor.open(run, await readyExecutor(run.config.executor));
        const query = compressor.about(history, episode);
        const [values] = await compressor.compress(history, [episode]);
        await compressor.dispose();
        const table = await stage.onceFree(() => contexts.load(), waiting);
        const storedOf = { fromEpisode, rewarded };
        const stored = counts(storedOf);
        const accepts = (about: ContextAbout) => stored(about) && (own || about.stream !== query.stream);
        const found = nearestContexts(table, { ...values, index: 0 }, { metric, k, accepts });
        const neighbors = found.map(({ row, distance }) => ({ distance, ...table.rows[row] }));
        if (json) return printJson({ metric, query, storedOf, neighbors });
        const among = countedWords(storedOf);
        const given = `${query.task}, ${afterEpisodes(episode)}, return ${query.return}`;
        print(`${given}; nearest contexts by ${metric}${among && `, only contexts ${among}`}:\n`);
        if (query.return <= 0) print('The query contains no reward, so it does not reveal its task.\n');
        for (const { distance, task, stream, episode: at, return: total } of neighbors)
          print(`${distance.toFixed(4).padStart(12)}  ${task}  ${afterEpisodes(at)}, return ${total}  (${stream})\n`);
      } finally {
        contexts.close();
      }
    });
}

interface StatsOptions extends Partial<Counted> {
  queries: number;
  seed: number;
  json?: boolean;
}

function registerStats(store: Command): void {
  counted(store.command('stats'), 'queries')
    .argument('<db>', 'database file')
    .description('show counts, sizes, code usage, and how often the nearest context has the same task')
    .addOption(
      numberOption(
        '--queries <n>',
        'approximate number of queries for training tasks and for held-out tasks each, in whole streams',
        1,
      ).default(1000),
    )
    .addOption(numberOption('--seed <n>', 'random seed that selects the queries', 0).default(0))
    .addOption(jsonOption())
    .action(async (db: string, { queries, seed, json, fromEpisode = 1, rewarded = false }: StatsOptions) => {
      const { ContextDatabase } = await import('../../data/contexts.ts');
      const { storeStatistics } = await import('../../retrieval/quality.ts');
      const { onceFree } = await import('../../retrieval/contexts.ts');
      const waiting = waitingForStore();
      const contexts = await onceFree(() => ContextDatabase.open(db), waiting);
      try {
        const measured = () => storeStatistics(contexts, { queries, queriesOf: { fromEpisode, rewarded }, random: Random.seeded(seed) });
        const statistics = await onceFree(measured, waiting);
        if (json) return printJson(statistics);
        print(render(statistics));
      } finally {
        contexts.close();
      }
    });
}

const afterEpisodes = (n: number) => `after ${n} ${n === 1 ? 'episode' : 'episodes'}`;

const percent = (share: number) => `${(100 * share).toFixed(1)}%`;

function render({ contexts, streams, sides, model, bytes, codes, queriesOf, retrieval }: StoreStatistics): string {
  const only = countedWords(queriesOf);
  const lines = [
    `contexts   ${contexts} of ${streams} streams, compressed by model ${model.slice(0, 12)}`,
    ...Object.entries(sides).map(([side, { contexts: n, tasks }]) => `           ${n} on ${tasks} ${side} tasks`),
    `bytes      ${bytes.latents} per context as latents${bytes.codes === null ? '' : `, ${bytes.codes} as codes`}; file size ${bytes.file}`,
    codes
      ? `codes      ${codes.perContext} per context; ${codes.used} distinct codes used, perplexity ${codes.perplexity.toFixed(1)}`
      : 'codes      none: this model has continuous latents',
  ];
  for (const { metric, side, queries, leftOut, streams: from, sameTask, low, high, rewarded, byEpisode, chance } of retrieval) {
    const asked = `of ${queries} contexts${only && ` ${only}`} (${from} streams) on ${side} tasks by ${metric}`;
    const others = leftOut > 0 ? `; ${leftOut} other contexts of these streams were not queried` : '';
    if (chance === 0) {
      lines.push(`nearest    – ${asked}: no other stream has the same task, so no match is possible${others}`);
      continue;
    }
    const [first, last] = [byEpisode[0], byEpisode[byEpisode.length - 1]];
    lines.push(
      `nearest    ${percent(sameTask)} [${percent(low)}, ${percent(high)}] ${asked}; by chance ${percent(chance)}`,
      `           ${rewarded ? `${percent(rewarded.sameTask)} of the ${rewarded.queries} with a reward; ` : ''}${percent(first.sameTask)} ${afterEpisodes(first.episode)}, ${percent(last.sameTask)} ${afterEpisodes(last.episode)}${others}`,
    );
  }
  for (const side of Object.keys(sides).filter(side => !retrieval.some(score => score.side === side)))
    lines.push(`nearest    – on ${side} tasks: no query${only && ` ${only}`} with another stream to search`);
  const legend = 'nearest: how often the nearest context of another stream has the same task [95% interval over streams]';
  return `${[...lines, legend].join('\n')}\n`;
}
