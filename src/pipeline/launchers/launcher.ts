/** @file What a launcher is: a system that runs jobs elsewhere, such as the queue of a cluster. */

import type { ScheduledStage } from '../schedule.ts';

/** Jobs of a launch, in an order in which each comes after those that it reads. */
export interface Launch {
  readonly name: string;
  /** Folder of the run, an absolute path. */
  readonly out: string;
  /** File with the jobs, for `cadenza job`. */
  readonly file: string;
  /** A job's index is its number in the file. */
  readonly jobs: readonly ScheduledStage[];
}

/** A system that runs jobs. */
export interface Launcher {
  readonly id: string;
  /** What it is, in one line. */
  readonly description: string;
  /**
   * Submits jobs and returns at once.
   *
   * @param options options of the system, as on its own command line.
   * @returns names of what was submitted, with which `active` and `cancel` find it.
   * @throws {CadenzaError} `E_INSTALL` if the system is not there; `E_EXECUTOR` if it refuses the jobs.
   */
  submit(launch: Launch, options: readonly string[]): Promise<readonly string[]>;
  /** Which of these still wait or run. */
  active(submitted: readonly string[]): Promise<readonly string[]>;
  /** Stops these. Running jobs save their state first. */
  cancel(submitted: readonly string[]): Promise<void>;
}
