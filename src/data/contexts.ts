/**
 * @file A store of contexts in one database file (SQLite's format, by libsql): what each context was compressed to, where it is from, and
 * which model compressed it (method 7.1, 2.4). Node only; not part of this room's index, so that nobody else waits for the database.
 * Shape key: M latents, D width, C codes of a context, N contexts.
 */

import { existsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import Database from 'libsql';
import { z } from 'zod';
import { joinColumns } from '../rl/history.ts';
import { attempt, CadenzaError, invariant } from '../util/errors.ts';
import { canonicalJson, makeFolder, sha256 } from '../util/files.ts';
import { checkRecord, sha256Schema } from '../util/formats.ts';

/** Numbers of an axis of latents, at most. */
const MOST_NUMBERS = 2 ** 20;
export const CONTEXTS_FORMAT = 'cadenza-contexts-2';

const modelFields = {
  /** SHA-256 of the model's files. */
  hash: sha256Schema,
  environment: z.string(),
  /** [M, D] */
  latentShape: z.array(z.int().min(1).max(MOST_NUMBERS)).length(2).readonly(),
  /** Its configuration, for the record. */
  configuration: z.json() as z.ZodType<unknown>,
};

/** The model that made a store's latents. Latents of different models mean different things, so a store belongs to one. */
export type ContextModel = z.output<z.ZodObject<typeof modelFields>>;

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

/** A row as it is stored: hash, task, side, stream, episode, return, latents and codes. Its last cell is the SHA-256 of all this. */
type Row = [string, string, string, string, number, number, Buffer, Buffer | null];

/** Milliseconds that the database itself waits for another process. `StoreLocked` says that it was not enough. */
const PATIENCE_MS = 250;

/** Another process is writing. What was to be written can be tried again as it is. */
export class DatabaseLocked extends CadenzaError {
  constructor(path: string, cause: unknown) {
    const advice = 'Wait until it ends, or stop it, and run the same command again.';
    super('E_DISK', `${path} is locked: another process writes there. ${advice}`, { cause });
  }
}

const ADVICE = 'Build it again: move the file away, and run "cadenza store build".';

const aboutFormat = {
  what: `a store of contexts (${CONTEXTS_FORMAT})`,
  advice: ADVICE,
  schema: z.strictObject({ format: z.literal(CONTEXTS_FORMAT), ...modelFields }),
};

/** An open store. Inserting is all or nothing, so a killed process leaves a store that is whole. */
export class ContextDatabase {
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
  static open(path: string, model?: ContextModel, { create: make = true } = {}): ContextDatabase {
    if (!existsSync(path) && !(model && make))
      throw new CadenzaError('E_DATA', `there is no store of contexts at ${path}; make one with "cadenza store build".`);
    let db: Database.Database | undefined;
    try {
      if (statSync(path, { throwIfNoEntry: false })?.isDirectory())
        throw new CadenzaError('E_DISK', `${path} is a folder, and a store of contexts is a file. Name a file, such as contexts.db in it.`);
      makeFolder(dirname(path));
      db = new Database(path, { timeout: PATIENCE_MS });
      expectWhole(db, path);
      // A process killed before its first commit leaves an empty database.
      if (model && make && isEmpty(db)) create(db, model);
      const about = readAbout(db, path);
      if (model && model.hash !== about.hash) {
        const [stored, own] = [about.hash, model.hash].map(hash => hash.slice(0, 12));
        const what = `holds latents of the model ${stored}, not of this one (${own}): distances between the two mean nothing`;
        const advice = 'Use the run that it was built from, or build another store for this one.';
        throw new CadenzaError('E_CHECKPOINT', `${path} ${what}. ${advice}`);
      }
      return new ContextDatabase(path, db, about);
    } catch (error) {
      db?.close();
      throw explained(error, path);
    }
  }

  has(hash: string): boolean {
    return this.#explained(() => this.#db.prepare('SELECT 1 FROM contexts WHERE hash = ?').get(hash) !== undefined);
  }

  /** Adds contexts, leaving out those that are there already; gives how many were new. Throws `E_SHAPE` when one does not fit the model. */
  insert(contexts: readonly Context[]): number {
    const size = this.model.latentShape.reduce((a, b) => a * b, 1);
    const all = this.#db.transaction(() => {
      const statement = this.#db.prepare('INSERT OR IGNORE INTO contexts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)');
      let added = 0;
      for (const { hash, task, side, stream, episode, return: total, latents, codes } of contexts) {
        const what = `a context of ${this.path} has ${size} numbers [${this.model.latentShape}], not ${latents.length}.`;
        invariant(latents.length === size, what);
        const row: Row = [hash, task, side, stream, episode, total, blob(latents), codes ? blob(codes) : null];
        added += statement.run(...row, sumOf(row)).changes;
      }
      return added;
    });
    return this.#explained(() => all.immediate());
  }

  get count(): number {
    return this.#explained(() => (this.#db.prepare('SELECT count(*) AS n FROM contexts').get() as { n: number }).n);
  }

  #explained<T>(use: () => T): T {
    try {
      return use();
    } catch (error) {
      throw explained(error, this.path);
    }
  }

  /** Bytes of the file. */
  get bytes(): number {
    return this.#explained(() => statSync(this.path).size);
  }

  /**
   * Every context, in the order in which they were added.
   *
   * @throws `E_DATA` where a row was altered or does not fit the model.
   */
  load(): ContextTable {
    return this.#explained(() => {
      const width = this.model.latentShape.reduce((a, b) => a * b, 1);
      const stored = this.#db.prepare(`SELECT ${COLUMNS} FROM contexts ORDER BY rowid`).raw().all() as unknown[][];
      const latents = new Float32Array(stored.length * width);
      const codes: Uint16Array[] = [];
      const rows = stored.map((cells, i): ContextAbout => {
        const row = decoded(cells);
        const sizes = row && row[6].length === 4 * width && (row[7]?.length ?? 0) % 2 === 0;
        if (!sizes || !SIDES.includes(row[2]) || sumOf(row) !== textOf(cells[8]))
          throw new CadenzaError('E_DATA', `${this.path}: context ${i + 1} of ${stored.length} was altered after it was stored. ${ADVICE}`);
        const [hash, task, side, stream, episode, total, latentBytes, codeBytes] = row;
        latents.set(new Float32Array(aligned(latentBytes)), i * width);
        if (codeBytes) codes.push(new Uint16Array(aligned(codeBytes)));
        return { hash, task, side: side as ContextAbout['side'], stream, episode, return: total };
      });
      if (codes.length === 0) return { rows, latents };
      const each = codes[0].length;
      const agree = codes.length === rows.length && codes.every(({ length }) => length === each);
      if (!agree) throw new CadenzaError('E_DATA', `${this.path}: expected ${each} codes in every context. ${ADVICE}`);
      return { rows, latents, codes: joinColumns(codes) };
    });
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
      episode INTEGER NOT NULL, return REAL NOT NULL, latents BLOB NOT NULL, codes BLOB, sum TEXT NOT NULL)`);
    const statement = db.prepare('INSERT INTO about VALUES (?, ?)');
    for (const [key, value] of Object.entries(about)) statement.run(key, canonicalJson(value));
  })();
}

function readAbout(db: Database.Database, path: string): ContextModel {
  if (isEmpty(db)) throw new CadenzaError('E_DATA', `${path} is empty; "cadenza store build <run> --out ${path}" fills it.`);
  const table = db.prepare("SELECT 1 FROM sqlite_master WHERE name = 'about'").get();
  const all = `SELECT ${bytesOf('key')}, ${bytesOf('value')} FROM about`;
  const entries = table ? (db.prepare(all).raw().all() as unknown[][]) : [];
  const about = Object.fromEntries(entries.map(([key, value]) => [textOf(key) ?? '', jsonOf(textOf(value))]));
  if (typeof about.format !== 'string')
    throw new CadenzaError('E_DATA', `${path} is a database of something else, expected ${aboutFormat.what}.`);
  return checkRecord(about, path, aboutFormat);
}

/** Asks SQLite whether the structure of its file is whole: reading on in a broken one gives anything. */
function expectWhole(db: Database.Database, path: string): void {
  const [found] = db.prepare(`SELECT CAST(quick_check AS BLOB) FROM pragma_quick_check(1)`).raw().get() as unknown[];
  if (textOf(found) !== 'ok') throw new CadenzaError('E_DATA', `${path} was damaged: its pages do not fit together. ${ADVICE}`);
}

const SIDES: readonly string[] = ['train', 'validation', 'test'];

/** Text is read as bytes: the database aborts the process at text that is not UTF-8. */
const bytesOf = (column: string) => `CAST(${column} AS BLOB)`;
const COLUMNS = [
  ...['hash', 'task', 'side', 'stream'].map(bytesOf),
  // Whatever type a damaged cell has, these come as numbers.
  'CAST(episode AS INTEGER)',
  'CAST("return" AS REAL)',
  ...['latents', 'codes', 'sum'].map(bytesOf),
].join(', ');

/** The text of bytes; undefined where there are none, or they are not UTF-8. */
const textOf = (cell: unknown): string | undefined =>
  Buffer.isBuffer(cell) ? attempt(() => new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(cell)) : undefined;

const jsonOf = (text = ''): unknown => attempt(() => JSON.parse(text));

/** A row from its cells; undefined where one is of another type. */
function decoded([hash, task, side, stream, episode, total, latents, codes]: unknown[]): Row | undefined {
  const texts = [hash, task, side, stream].map(textOf);
  if (texts.some(text => text === undefined) || !Buffer.isBuffer(latents) || !(codes === null || Buffer.isBuffer(codes))) return undefined;
  if (typeof episode !== 'number' || typeof total !== 'number') return undefined;
  const [a, b, c, d] = texts as string[];
  return [a, b, c, d, episode, total, latents, codes];
}

const sumOf = ([hash, task, side, stream, episode, total, latents, codes]: Row): string =>
  sha256(canonicalJson([hash, task, side, stream, episode, total, sha256(latents), codes && sha256(codes)]));

const blob = (view: Float32Array | Uint16Array): Buffer => Buffer.from(view.buffer, view.byteOffset, view.byteLength);

/** A blob's bytes on their own, so that they begin where a typed array may. */
const aligned = ({ buffer, byteOffset, byteLength }: Buffer): ArrayBuffer =>
  (buffer as ArrayBuffer).slice(byteOffset, byteOffset + byteLength);

const DISK_ADVICE = 'Check that it is a file that you may write to, and that the disk has room.';

/** Whatever the database or the file system says, in the codes of failures. */
function explained(error: unknown, path: string): unknown {
  if (error instanceof CadenzaError) return error;
  const { code = '', message = String(error) } = error as { code?: string; message?: string };
  if (/^SQLITE_(BUSY|LOCKED)/.test(code)) return new DatabaseLocked(path, error);
  const said = message.slice(0, 300);
  if (/^SQLITE_(FULL|READONLY|CANTOPEN|IOERR|PERM|AUTH|NOLFS)|^E[A-Z]+$/.test(code) || message.startsWith('ConnectionFailed'))
    return new CadenzaError('E_DISK', `cannot use ${path}: ${said}. ${DISK_ADVICE}`, { cause: error });
  return new CadenzaError('E_DATA', `${path} is no store of contexts, or was damaged: ${said}. ${ADVICE}`, { cause: error });
}
