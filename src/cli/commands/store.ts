/** @file `cadenza store`: contexts of a finished run as latents and codes in one database file, and what is near what. */

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
  const store = program.command('store').description('keep contexts as latents and codes in a database, and look them up');
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
  'histories (those trained on), or rollouts of the policy on train, validation or test tasks, or on one task by its key (repeatable)';

function registerBuild(store: Command): void {
  store
    .command('build')
    .argument('<run>', 'folder of a finished run')
    .description('compress contexts with the model of a run and add them to a store')
    .addOption(outOption('the store, such as contexts.db; made when it is not there', '--out <file>').makeOptionMandatory())
    .addOption(new Option('--from <what>', FROM).argParser(collect).default([] as string[], 'histories'))
    .addOption(numberOption('--histories <n>', 'histories of every training task (default: all)', 1))
    .addOption(numberOption('--every <n>', 'a context after every so many episodes', 1).default(1))
    .addOption(numberOption('--streams <n>', 'rollouts: streams in every task', 1).default(10))
    .addOption(numberOption('--episodes <n>', 'rollouts: episodes of a stream (default: as the run was evaluated)', 1))
    .addOption(numberOption('--seed <n>', 'rollouts: seed of the streams', 0).default(0))
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
          const found = [`${added} contexts added, ${known} were there; ${result.contexts} in ${result.bytes} bytes.`];
          const query = ['store', 'query', out, '--run', folder, '--history', '0', '--episode', '1'];
          const next: Next[] = [
            [query, 'the stored contexts nearest to one of a training history'],
            [['store', 'stats', out], 'how often they are of the same task'],
          ];
          print(ending({ found, out, next }));
        } finally {
          progress.stop();
          contexts.close();
        }
      },
    );
}

/** How commands that only read wait for one that writes: a signal ends them at once, since nothing is to be saved. */
const waitingForStore = () => ({ progress: terminalProgress(), signal: new AbortController().signal });

/** Which contexts count, as options. `whose` says what they are counted among. */
const counted = (command: Command, whose: string) =>
  command
    .addOption(numberOption('--from-episode <n>', `only ${whose} after at least so many episodes`, 1).default(1))
    .option('--rewarded', `only ${whose} that had earned a reward: before, a context cannot know its task`);

/** What counts, in words; nothing where everything does. */
const countedWords = ({ fromEpisode, rewarded }: Counted): string =>
  [fromEpisode > 1 && `after ${fromEpisode} episodes or more`, rewarded && 'that had found a reward'].filter(Boolean).join(' and ');

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
    .argument('<db>', 'a store')
    .description('the stored contexts nearest to the one after some episodes of a training history')
    .requiredOption('--run <folder>', 'the run that the store was built from', pathOf('--run'))
    .addOption(numberOption('--history <i>', 'position of the history among those trained on, from 0', 0).makeOptionMandatory())
    .addOption(numberOption('--episode <n>', 'episodes of it that are over', 1).makeOptionMandatory())
    .addOption(numberOption('-k <n>', 'how many contexts', 1).default(5))
    .addOption(new Option('--metric <name>', 'distance').choices(Object.keys(METRICS)).default('l2'))
    .option('--own', 'also contexts of the same history, which are near by nature')
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
          throw new CadenzaError('E_DATA', `--history ${index}: the run has ${histories.length} training histories, counted from 0.`);
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
        const given = `${query.task}, after ${episode} episodes, return ${query.return}`;
        print(`${given}; nearest by ${metric}${among && ` among contexts ${among}`}:\n`);
        if (query.return <= 0) print('The query has not found a reward, so it cannot know its task.\n');
        for (const { distance, task, stream, episode: at, return: total } of neighbors)
          print(`${distance.toFixed(4).padStart(12)}  ${task}  after ${at} episodes, return ${total}  (${stream})\n`);
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
    .argument('<db>', 'a store')
    .description('counts, sizes, use of the codes, and how often the nearest context of another stream is of the same task')
    .addOption(numberOption('--queries <n>', 'contexts of each side of the split that are looked up, in whole streams', 1).default(1000))
    .addOption(numberOption('--seed <n>', 'seed of which ones', 0).default(0))
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

const percent = (share: number) => `${(100 * share).toFixed(1)}%`;

function render({ contexts, streams, sides, model, bytes, codes, queriesOf, retrieval }: StoreStatistics): string {
  const only = countedWords(queriesOf);
  const lines = [
    `contexts   ${contexts} of ${streams} streams, by the model ${model.slice(0, 12)}`,
    ...Object.entries(sides).map(([side, { contexts: n, tasks }]) => `           ${n} on ${tasks} ${side} tasks`),
    `bytes      ${bytes.latents} a context as latents${bytes.codes === null ? '' : `, ${bytes.codes} as codes`}; the file has ${bytes.file}`,
    codes
      ? `codes      ${codes.perContext} a context; ${codes.used} different ones in use, perplexity ${codes.perplexity.toFixed(1)}`
      : 'codes      none: the latents of this model are continuous',
  ];
  for (const { metric, side, queries, leftOut, streams: from, sameTask, low, high, rewarded, byEpisode, chance } of retrieval) {
    const asked = `of ${queries} contexts${only && ` ${only}`} (${from} streams) on ${side} tasks by ${metric}`;
    const others = leftOut > 0 ? `; ${leftOut} other contexts of these streams were no queries` : '';
    if (chance === 0) {
      lines.push(`nearest    – ${asked}: no other stream is of the same task, so none could match${others}`);
      continue;
    }
    const [first, last] = [byEpisode[0], byEpisode[byEpisode.length - 1]];
    lines.push(
      `nearest    ${percent(sameTask)} [${percent(low)}, ${percent(high)}] ${asked}; by chance ${percent(chance)}`,
      `           ${rewarded ? `${percent(rewarded.sameTask)} of the ${rewarded.queries} that had found a reward; ` : ''}${percent(first.sameTask)} after ${first.episode} episodes, ${percent(last.sameTask)} after ${last.episode}${others}`,
    );
  }
  for (const side of Object.keys(sides).filter(side => !retrieval.some(score => score.side === side)))
    lines.push(`nearest    nothing to score on ${side} tasks: no query${only && ` ${only}`} that has another stream beside its own`);
  const legend = 'nearest: the share whose nearest stored context of another stream is of the same task, with a 95% interval over streams';
  return `${[...lines, legend].join('\n')}\n`;
}
