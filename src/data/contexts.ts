/**
 * @file A store of contexts in one database file (SQLite's format, by libsql): what each context was compressed to, where it is from, and
 * which model compressed it (method 7.1, 2.4). Node only; not part of this room's index, so that nobody else waits for the database.
 * Shape key: M latents, D width, C codes of a context, N contexts.
 */

import { existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import Database from 'libsql';
import { CadenzaError, expect } from '../util/errors.ts';
import { canonicalJson } from '../util/files.ts';

export const CONTEXTS_FORMAT = 'cadenza-contexts-1';

/** The model that made a store's latents. Latents of different models mean different things, so a store belongs to one. */
export interface ContextModel {
  /** SHA-256 of the model's files. */
  readonly hash: string;
  readonly environment: string;
  /** [M, D] */
  readonly latentShape: readonly number[];
  /** Its configuration, for the record. */
  readonly configuration: unknown;
}

/** Where a context is from. */
export interface ContextAbout {
  /** Identity by content: SHA-256 of the task and of the transitions that the compressor saw. */
  readonly hash: string;
  /** Key of its task. */
  readonly task: string;
  /** The side of the split that its task is on. */
  readonly side: 'train' | 'validation' | 'test';
  /** The learning history or rollout that it is a part of; contexts of one stream overlap. */
  readonly stream: string;
  /** Episodes of the stream that were over. */
  readonly episode: number;
  /** Undiscounted return of all of them. */
  readonly return: number;
}

/** One context to store. */
export interface Context extends ContextAbout {
  /** [M × D] */
  readonly latents: Float32Array;
  /** [C] codes of discrete latents; absent where the model has none. */
  readonly codes?: Uint16Array;
}

/** Contexts of a store in memory, row by row, with what is known of each. */
export interface ContextTable<Row = ContextAbout> {
  readonly rows: readonly Row[];
  /** [N × (M · D)] */
  readonly latents: Float32Array;
  /** [N × C]; absent where the model has none. */
  readonly codes?: Uint16Array;
}

type Row = [
  hash: string,
  task: string,
  side: ContextAbout['side'],
  stream: string,
  episode: number,
  total: number,
  latents: Buffer,
  codes: Buffer | null,
];

/** An open store. Inserting is all or nothing, so a killed process leaves a store that is whole. */
export class ContextStore {
  readonly model: ContextModel;
  readonly path: string;
  readonly #db: Database.Database;

  private constructor(path: string, db: Database.Database, model: ContextModel) {
    this.path = path;
    this.#db = db;
    this.model = model;
  }

  /**
   * Opens a store; makes it when `model` is given and no file is there.
   *
   * @param model the model whose contexts are inserted or looked up; left out to read what is there.
   * @param options.create whether a missing file is made, rather than being an error.
   * @throws `E_DATA` when the file is missing or is no store, `E_CHECKPOINT` when it belongs to another model.
   */
  static open(path: string, model?: ContextModel, { create: make = true } = {}): ContextStore {
    if (!existsSync(path) && !(model && make))
      throw new CadenzaError('E_DATA', `there is no store of contexts at ${path}; make one with "cadenza store build".`);
    let db: Database.Database | undefined;
    try {
      mkdirSync(dirname(path), { recursive: true });
      db = new Database(path);
      // A process killed before its first commit leaves an empty database.
      if (model && make && isEmpty(db)) create(db, model);
      const about = readAbout(db, path);
      if (model && model.hash !== about.hash)
        throw new CadenzaError(
          'E_CHECKPOINT',
          `${path} holds latents of the model ${about.hash.slice(0, 12)}, not of this one (${model.hash.slice(0, 12)}): distances between the two mean nothing. Use the run that it was built from, or build another store for this one.`,
        );
      return new ContextStore(path, db, about);
    } catch (error) {
      db?.close();
      throw explained(error, path);
    }
  }

  has(hash: string): boolean {
    return this.#db.prepare('SELECT 1 FROM contexts WHERE hash = ?').get(hash) !== undefined;
  }

  /** Adds contexts, leaving out those that are there already; gives how many were new. Throws `E_SHAPE` when one does not fit the model. */
  insert(contexts: readonly Context[]): number {
    const size = this.model.latentShape.reduce((a, b) => a * b, 1);
    const statement = this.#db.prepare('INSERT OR IGNORE INTO contexts VALUES (?, ?, ?, ?, ?, ?, ?, ?)');
    const all = this.#db.transaction(() => {
      let added = 0;
      for (const { hash, task, side, stream, episode, return: total, latents, codes } of contexts) {
        expect(
          latents.length === size,
          `a context of ${this.path} has ${size} numbers [${this.model.latentShape}], not ${latents.length}.`,
        );
        const values: Row = [hash, task, side, stream, episode, total, blob(latents), codes ? blob(codes) : null];
        added += statement.run(...values).changes;
      }
      return added;
    });
    try {
      return all();
    } catch (error) {
      throw explained(error, this.path);
    }
  }

  get count(): number {
    return (this.#db.prepare('SELECT count(*) AS n FROM contexts').get() as { n: number }).n;
  }

  /** Bytes of the file. */
  get bytes(): number {
    return statSync(this.path).size;
  }

  /** Every context, in the order in which they were added. */
  load(): ContextTable {
    const width = this.model.latentShape.reduce((a, b) => a * b, 1);
    const latents = new Float32Array(this.count * width);
    const rows: ContextAbout[] = [];
    const codes: Uint16Array[] = [];
    for (const row of this.#db.prepare('SELECT * FROM contexts ORDER BY rowid').raw().iterate() as Iterable<Row>) {
      const [hash, task, side, stream, episode, total, latentBytes, codeBytes] = row;
      latents.set(new Float32Array(aligned(latentBytes)), rows.length * width);
      if (codeBytes) codes.push(new Uint16Array(aligned(codeBytes)));
      rows.push({ hash, task, side, stream, episode, return: total });
    }
    if (codes.length === 0) return { rows, latents };
    const each = codes[0].length;
    const agree = codes.length === rows.length && codes.every(({ length }) => length === each);
    if (!agree) throw new CadenzaError('E_DATA', `${this.path}: expected ${each} codes in every context; build it anew.`);
    const table = new Uint16Array(rows.length * each);
    for (const [i, row] of codes.entries()) table.set(row, i * each);
    return { rows, latents, codes: table };
  }

  close(): void {
    this.#db.close();
  }
}

const isEmpty = (db: Database.Database): boolean => db.prepare('SELECT 1 FROM sqlite_master').get() === undefined;

function create(db: Database.Database, { hash, environment, latentShape, configuration }: ContextModel): void {
  const about = { format: CONTEXTS_FORMAT, hash, environment, latentShape, configuration };
  // Latents take kilobytes: on the usual pages of 4 KiB a row of a little over half a page would waste the rest of it.
  db.exec('PRAGMA page_size = 16384');
  db.transaction(() => {
    db.exec(`CREATE TABLE about (key TEXT PRIMARY KEY, value TEXT NOT NULL)`);
    db.exec(`CREATE TABLE contexts (
      hash TEXT PRIMARY KEY, task TEXT NOT NULL, side TEXT NOT NULL, stream TEXT NOT NULL,
      episode INTEGER NOT NULL, return REAL NOT NULL, latents BLOB NOT NULL, codes BLOB)`);
    const statement = db.prepare('INSERT INTO about VALUES (?, ?)');
    for (const [key, value] of Object.entries(about)) statement.run(key, canonicalJson(value));
  })();
}

function readAbout(db: Database.Database, path: string): ContextModel {
  const table = db.prepare("SELECT 1 FROM sqlite_master WHERE name = 'about'").get();
  const entries = table ? (db.prepare('SELECT key, value FROM about').raw().all() as [string, string][]) : [];
  const about = Object.fromEntries(entries.map(([key, value]) => [key, JSON.parse(value)]));
  if (about.format === CONTEXTS_FORMAT) return about as ContextModel;
  const found = about.format ? `has the format "${about.format}"` : 'is a database of something else';
  throw new CadenzaError('E_DATA', `${path} ${found}, expected a store of contexts of the format "${CONTEXTS_FORMAT}".`);
}

const blob = (view: Float32Array | Uint16Array): Buffer => Buffer.from(view.buffer, view.byteOffset, view.byteLength);

/** A blob's bytes on their own, so that they begin where a typed array may. */
const aligned = ({ buffer, byteOffset, byteLength }: Buffer): ArrayBuffer =>
  (buffer as ArrayBuffer).slice(byteOffset, byteOffset + byteLength);

/** Failures of the database in the house's codes. */
function explained(error: unknown, path: string): unknown {
  if (error instanceof CadenzaError) return error;
  const { code = '', message } = error as { code?: string; message: string };
  if (code === 'SQLITE_NOTADB' || code === 'SQLITE_CORRUPT')
    return new CadenzaError('E_DATA', `${path} is no store of contexts, or was damaged: ${message}. Build it anew.`, { cause: error });
  if (/^SQLITE_(FULL|READONLY|CANTOPEN|IOERR|BUSY)/.test(code))
    return new CadenzaError('E_DISK', `cannot use ${path}: ${message}. Check the disk, and that no other process writes there.`, {
      cause: error,
    });
  return error;
}
