/**
 * @file The training stages in the order in which they run, with the help of their commands. Separate from the stages, so that
 * `cadenza --help` does not load them.
 */

export const STAGE_HELP = {
  teacher: 'train the full-context teacher',
  pretrain: 'pretrain the compressor by reconstruction',
  distill: 'distill the histories into the policy, with the compressor frozen',
  finetune: 'fine-tune compressor and policy jointly',
  consolidate: 'train the policy further, with the compressor frozen',
  reinforce: 'train the agent by reinforcement learning (PPO) on its own rollouts',
  retrieve: 'train the policy to use retrieved contexts',
  baselines: 'train the baselines that CAD is compared with',
} as const;

export type TrainingStageName = keyof typeof STAGE_HELP;

/** All stages with a command of their own, of every kind of experiment, and what the command does. */
export const STAGE_COMMANDS: Readonly<Record<string, string>> = {
  generate: 'record learning histories of the source algorithm',
  audit: 'check that training uses no held-out task (supervised experiments)',
  train: 'train compressor and predictor (supervised experiments)',
  ...STAGE_HELP,
  evaluate: 'evaluate every method in context on held-out tasks',
};
