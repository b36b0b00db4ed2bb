/** @file The agent that the stages train one after the other: the one the latest of them left, and its row in the evaluation. */

import type { StageOutput } from '../cache/store.ts';
import type { BaseConfig } from '../settings/base.ts';
import { foresees } from '../settings/policy.ts';
import type { Earlier } from './define.ts';

export const cad = {
  planned: (config: Pick<BaseConfig, 'policy'>) => ({ method: 'cad', foresees: foresees(config) }),
  row: (config: Pick<BaseConfig, 'policy' | 'compressor'>, trained: StageOutput) => ({
    method: 'cad',
    kind: config.compressor,
    trained,
    foresees: foresees(config),
  }),
};

/** The agent that later stages go on from. */
export const agentOf = ({ finetune, distil }: Earlier): StageOutput => (finetune ?? distil)!;
