/** @file What the built-in methods of a results table are, in a few words each, for the page. */

/** By the name of the method. */
const MEANINGS: Readonly<Record<string, string>> = {
  cad: 'the agent: its policy acts on the latents that its compressor makes of past episodes, and on the running episode',
  source: 'the learning algorithm whose histories were distilled; it learns the evaluated tasks from scratch, by training',
  random: 'random actions',
  oracle: 'an optimal policy that knows the task',
  teacher: 'the model with the whole uncompressed context; its distribution over actions may be a training target of the agent',
  reinforced: 'the agent after training on returns',
  consolidated: 'the agent after further training of its policy with a frozen compressor',
  full: 'the whole uncompressed context',
  ad: 'the whole uncompressed context in a single causal transformer, as in Algorithm Distillation',
  dpt: 'the whole uncompressed context, trained to predict optimal actions',
  rad: 'recurrent latents with a working memory',
  rsm: 'recurrent latents that each segment rewrites, as in RSM',
  memo: 'summaries of the latest segments, as in Memo',
  'memo-bytes': 'summaries of the latest segments, as in Memo, as many as the agent has latents',
  gru: 'the state of a gated recurrent unit in place of latents',
  'linear-attention': 'the state of a linear attention with decay in place of latents',
  none: 'no context: the running episode alone',
  truncated: 'the end of the context, as many tokens as the agent has latents',
  'truncated-flops': 'the end of the context, as long as actions cost no more operations than those of the agent',
  'truncated-bytes': 'the end of the context, in no more bytes than the latents',
  'mean-pool': 'means of pieces of the context in place of latents',
  'max-pool': 'maxima of pieces of the context in place of latents',
  'strided-pool': 'evenly spaced tokens of the context in place of latents',
  'memory-traces': 'moving averages of the context in place of latents',
  pca: 'principal components of the context in place of latents',
  'random-projection': 'fixed random projections of the context in place of latents',
  'best-episodes': 'the past episodes with the highest returns, uncompressed',
};

/** What a suffix of a method's name says. */
const VARIATIONS: readonly (readonly [suffix: RegExp, meaning: (method: string, call: string) => string])[] = [
  [/-cleared-at-changes$/, method => `${method}, with its memory cleared whenever the task changes`],
  [/-cleared-at-attempts$/, method => `${method}, with its memory cleared at every attempt`],
  [/-cleared-at-(\d+)$/, (method, call) => `${method}, with its memory cleared once, before call ${call}`],
  [/-donor-at-(\d+)$/, (method, call) => `${method}, which continues with the memory of a stream of another task from call ${call} on`],
];

function meaningOf(method: string): string | undefined {
  if (Object.hasOwn(MEANINGS, method)) return MEANINGS[method];
  for (const [suffix, meaning] of VARIATIONS) {
    const found = suffix.exec(method);
    if (found) return meaning(method.slice(0, found.index), found[1]);
  }
  return undefined;
}

/** What these methods are, each once; `cad (run)` counts as `cad`. Methods of your own have no entry. */
export function meaningsOf(names: readonly string[]): [method: string, meaning: string][] {
  const methods = new Set(names.map(name => name.replace(/ \(.*\)$/, '')));
  return [...methods].flatMap((method): [string, string][] => {
    const meaning = meaningOf(method);
    return meaning === undefined ? [] : [[method, meaning]];
  });
}
