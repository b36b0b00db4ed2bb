/** @file What all files of results have: methods, and where their numbers come from and what making them took. */

import type { Latency } from '../play/latency.ts';

/** Wall-clock time of one row on the machine of the run. */
export interface MethodTimes {
  /** Seconds of all training that went into it, and of its evaluation; means over training seeds. An interrupted stage counts from where it went on. */
  training?: number;
  evaluation: number;
  /** Of an action of a trained model. */
  action?: Latency;
}

/** Where the numbers come from, enough to run it again. */
export interface RunRecord {
  command: string;
  /** The fully resolved configuration. */
  config: unknown;
  commit: string;
  version: string;
  node: string;
  machine: string | Record<string, string | number>;
  dataHashes: Record<string, string>;
  /** What was imported in the place of rollouts, by table: the files with their hashes, and how many histories were left out. */
  imported?: Record<string, unknown>;
  /** Wall-clock seconds of each stage. */
  seconds: Record<string, number>;
  /** Times of every row, by the name of the experiment or of the table. */
  times?: Record<string, Record<string, MethodTimes>>;
  /** SHA-256 of the canonical JSON of everything else in results.json, of which only this record differs between equal runs. Older results have none. */
  hash?: string;
}

/** The whole of results.json as far as every kind of experiment has it; `M` is what was found of a method. */
export interface CommonResults<M = unknown> {
  format: string;
  name: string;
  /** Training seeds. */
  seeds: number;
  /** What the intervals are, in a sentence. */
  bars: string;
  methods: Record<string, M>;
  /** The audit of training against evaluated tasks, by content. */
  split: Record<string, unknown>;
  run: RunRecord;
}
