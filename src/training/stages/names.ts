/**
 * @file The training stages in the order in which they run, each with what its command does. Apart from the stages themselves, so that
 * `cadenza --help` need not load them.
 */

export const STAGE_HELP = {
  teacher: 'train the full-context teacher',
  pretrain: 'pretrain the compressor by reconstruction',
  distil: 'distil into the policy with the compressor frozen',
  finetune: 'fine-tune compressor and policy together',
  consolidate: 'train the policy alone on the latents of the fine-tuned compressor',
  reinforce: 'train the agent on the returns of its own in-context rollouts',
  retrieve: 'train the agent to use contexts that it looks up',
  baselines: 'train the models that CAD is compared with',
} as const;

export type TrainingStageName = keyof typeof STAGE_HELP;

/** What a command may stop after: data, one of the training stages, or nothing. */
export type Stage = 'generate' | TrainingStageName | 'evaluate';
export const STAGES = ['generate', ...Object.keys(STAGE_HELP), 'evaluate'] as readonly Stage[];
