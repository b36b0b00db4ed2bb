/** @file What a launcher is: a system that runs jobs elsewhere, such as the queue of a cluster. */

import type { ErrorCode } from '../../util/errors.ts';
import type { JobArray } from './arrays.ts';
import type { StageJob } from './job.ts';

/** What a launcher submits. */
export interface Launch {
  readonly name: string;
  /** What all jobs have in common: the folder of the run, an absolute path, and its options. */
  readonly run: Omit<StageJob, 'stage' | 'key' | 'config'>;
  /** File with the jobs, for `cadenza job`. */
  readonly file: string;
  /** The jobs in the order of the file, in which each comes after those that it reads. */
  readonly arrays: readonly JobArray[];
}

/** What a user says about a launcher. */
export interface LauncherSettings {
  /** Options as on the system's own command line. */
  readonly options?: readonly string[];
  /** Address of Redis. */
  readonly redis?: string;
}

/** Codes of failures that may pass on another try or another machine. */
export const PASSING: readonly ErrorCode[] = ['E_EXECUTOR', 'E_DISK'];

/** What became of a launch. */
export interface LaunchStatus {
  /** Names of what waits or runs, of those that were submitted. */
  readonly active: readonly string[];
  /** Number of jobs that run, and of those that wait. */
  readonly running: number;
  readonly waiting: number;
  /** What a user should know, in sentences, such as which jobs failed and why. */
  readonly notes: readonly string[];
}

/** A system that runs jobs. */
export interface Launcher {
  readonly id: string;
  /** What it is, in one line. */
  readonly description: string;
  /**
   * Submits jobs and returns at once.
   *
   * @param settings options of the system, and where it is.
   * @returns names of what was submitted, with which `status` and `cancel` find it.
   * @throws {CadenzaError} `E_INSTALL` if the system is not there; `E_EXECUTOR` if it refuses the jobs.
   */
  submit(launch: Launch, settings: LauncherSettings): Promise<readonly string[]>;
  /** What became of these. */
  status(submitted: readonly string[]): Promise<LaunchStatus>;
  /** Stops these. Running jobs save their state first. */
  cancel(submitted: readonly string[]): Promise<void>;
  /** Forgets what is left of these when none waits or runs, such as jobs that failed; nothing by default. */
  forget?(submitted: readonly string[]): Promise<void>;
}
