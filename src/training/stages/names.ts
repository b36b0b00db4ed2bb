/**
 * @file The training stages in the order in which they run, each with what its command does. Apart from the stages themselves, so that
 * `cadenza --help` need not load them.
 */

export const STAGE_HELP = {
  teacher: 'train the full-context teacher',
  pretrain: 'pretrain the compressor by reconstruction',
  distill: 'distill into the policy with the compressor frozen',
  finetune: 'fine-tune compressor and policy together',
  consolidate: 'train the policy alone on the latents of the fine-tuned compressor',
  reinforce: 'train the agent on the returns of its own in-context rollouts',
  retrieve: 'train the agent to use contexts that it looks up',
  baselines: 'train the models that CAD is compared with',
} as const;

export type TrainingStageName = keyof typeof STAGE_HELP;

/** The stages of all kinds of experiment that have a command of their own, and what it does. */
export const STAGE_COMMANDS: Readonly<Record<string, string>> = {
  generate: 'record learning histories of the source algorithm',
  audit: 'check that no held-out task is trained on (supervised experiments)',
  train: 'train compressor and predictor end to end (supervised experiments)',
  ...STAGE_HELP,
  evaluate: 'let every method learn in context on the held-out tasks',
};
