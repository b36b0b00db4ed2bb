/** @file The process in which `doctor` tries the executor that its argument names, and tells what came of it. */

import { type ExecutorId, probeExecutor } from '../engine/executors/registry.ts';

process.send!(await probeExecutor(process.argv[2] as ExecutorId), () => process.disconnect());
