/** @file The process in which `doctor` tries one executor, given as its argument, and reports the result. */

import { type ExecutorId, probeExecutor } from '../engine/executors/registry.ts';

process.send!(await probeExecutor(process.argv[2] as ExecutorId), () => process.disconnect());
