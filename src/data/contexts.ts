/**
 * @file A context database in one file (SQLite's format, by libsql): the latents of each context, where it comes from, and which model
 * compressed it (method 7.1, 2.4). Node only; not part of this room's index, so that other code does not load the database. Shape key: M
 * latents, D width, C codes of a context, N contexts.
 */

import { existsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import Database from 'libsql';
import { z } from 'zod';
import { joinColumns } from '../rl/history.ts';
import { attempt, CadenzaError, invariant } from '../util/errors.ts';
import { canonicalJson, makeFolder, sha256 } from '../util/files.ts';
import { checkRecord, sha256Schema } from '../util/formats.ts';

/** Maximum size of an axis of latents. */
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

/** The model that computed a database's latents. Latents of different models are not comparable, so a database belongs to one model. */
export type ContextModel = z.output<z.ZodObject<typeof modelFields>>;

/** Where a context comes from. */
export interface ContextAbout {
  /** Identity by content: SHA-256 of the task and of the transitions that the compressor saw. */
  readonly hash: string;
  /** Key of its task. */
  readonly task: string;
  /** The split that its task belongs to. */
  readonly side: 'train' | 'validation' | 'test';
  /** The learning history or rollout that it is part of; contexts of one stream overlap. */
  readonly stream: string;
  /** Number of finished episodes of the stream. */
  readonly episode: number;
  /** Their undiscounted return. */
  readonly return: number;
}

/** One context to store. */
export interface Context extends ContextAbout {
  /** [M × D] */
  readonly latents: Float32Array;
  /** [C] codes of discrete latents; absent if the model has none. */
  readonly codes?: Uint16Array;
}

/** Contexts in memory, row by row, with metadata. */
export interface ContextTable<Row = ContextAbout> {
  readonly rows: readonly Row[];
  /** [N × (M · D)] */
  readonly latents: Float32Array;
  /** [N × C]; absent if the model has none. */
  readonly codes?: Uint16Array;
}

/** A row as stored: hash, task, side, stream, episode, return, latents and codes. Its last cell is the SHA-256 of all others. */
type Row = [string, string, string, string, number, number, Buffer, Buffer | null];

/** Milliseconds that the database itself waits for another process before it throws `DatabaseLocked`. */
const PATIENCE_MS = 250;

/** Another process is writing. The operation can be retried unchanged. */
export class DatabaseLocked extends CadenzaError {
  constructor(path: string, cause: unknown) {
    const advice = 'Wait until it ends or stop it, then run the same command again.';
    super('E_DISK', `${path} is locked: another process is writing to it. ${advice}`, { cause });
  }
}

const ADVICE = 'Rebuild it: move the file, and run "cadenza store build".';

const aboutFormat = {
  what: `a context database (${CONTEXTS_FORMAT})`,
  advice: ADVICE,
  schema: z.strictObject({ format: z.literal(CONTEXTS_FORMAT), ...modelFields }),
};

/** An open context database. Inserts are transactions, so a killed process leaves a valid database. */
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
   * Opens a database, or creates it if `model` is given and the file does not exist.
   *
   * @param model the model whose contexts are inserted or looked up; omit it to read any database.
   * @param options.create whether a missing file is created rather than being an error.
   * @throws {CadenzaError} `E_DATA` if the file is missing or is not a context database, `E_CHECKPOINT` if it belongs to another model.
   */
  static open(path: string, model?: ContextModel, { create: make = true } = {}): ContextDatabase {
    if (!existsSync(path) && !(model && make))
      throw new CadenzaError('E_DATA', `there is no context database at ${path}. Create one with "cadenza store build".`);
    let db: Database.Database | undefined;
    try {
      if (statSync(path, { throwIfNoEntry: false })?.isDirectory())
        throw new CadenzaError('E_DISK', `${path} is a folder; expected a file. Give a file, such as contexts.db in it.`);
      makeFolder(dirname(path));
      db = new Database(path, { timeout: PATIENCE_MS });
      expectWhole(db, path);
      // A process killed before its first commit leaves an empty database.
      if (model && make && isEmpty(db)) create(db, model);
      const about = readAbout(db, path);
      if (model && model.hash !== about.hash) {
        const [stored, own] = [about.hash, model.hash].map(hash => hash.slice(0, 12));
        const what = `holds latents of the model ${stored}, not of this one (${own}): distances between the two are meaningless`;
        const advice = 'Use the run that it was built from, or build another database for this one.';
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

  /** Adds the contexts that are not there yet and returns their number. Throws `E_SHAPE` if one does not fit the model. */
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

  /** Size of the file in bytes. */
  get bytes(): number {
    return this.#explained(() => statSync(this.path).size);
  }

  /**
   * All contexts, in the order in which they were added.
   *
   * @throws {CadenzaError} `E_DATA` if a row was altered or does not fit the model.
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
  // Latents take kilobytes: with the usual pages of 4 KiB, a row of a little over half a page would waste the rest.
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
    throw new CadenzaError('E_DATA', `${path} is another kind of database; expected ${aboutFormat.what}.`);
  return checkRecord(about, path, aboutFormat);
}

/** Lets SQLite check the file's structure: reading a broken one returns arbitrary data. */
function expectWhole(db: Database.Database, path: string): void {
  const [found] = db.prepare(`SELECT CAST(quick_check AS BLOB) FROM pragma_quick_check(1)`).raw().get() as unknown[];
  if (textOf(found) !== 'ok') throw new CadenzaError('E_DATA', `${path} is damaged: its pages are inconsistent. ${ADVICE}`);
}

const SIDES: readonly string[] = ['train', 'validation', 'test'];

/** Text is read as bytes, because the database aborts the process for text that is not UTF-8. */
const bytesOf = (column: string) => `CAST(${column} AS BLOB)`;
const COLUMNS = [
  ...['hash', 'task', 'side', 'stream'].map(bytesOf),
  // A damaged cell may have any type; these are cast to numbers.
  'CAST(episode AS INTEGER)',
  'CAST("return" AS REAL)',
  ...['latents', 'codes', 'sum'].map(bytesOf),
].join(', ');

/** The text of bytes; undefined if there are none, or they are not UTF-8. */
const textOf = (cell: unknown): string | undefined =>
  Buffer.isBuffer(cell) ? attempt(() => new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(cell)) : undefined;

const jsonOf = (text = ''): unknown => attempt(() => JSON.parse(text));

/** A row from its cells; undefined if one has the wrong type. */
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

/** A copy of a blob's bytes, aligned for typed arrays. */
const aligned = ({ buffer, byteOffset, byteLength }: Buffer): ArrayBuffer =>
  (buffer as ArrayBuffer).slice(byteOffset, byteOffset + byteLength);

const DISK_ADVICE = 'Check that the file is writable and that the disk has space.';

/** Converts errors of the database or the file system to `CadenzaError`. */
function explained(error: unknown, path: string): unknown {
  if (error instanceof CadenzaError) return error;
  const { code = '', message = String(error) } = error as { code?: string; message?: string };
  if (/^SQLITE_(BUSY|LOCKED)/.test(code)) return new DatabaseLocked(path, error);
  const said = message.slice(0, 300);
  if (/^SQLITE_(FULL|READONLY|CANTOPEN|IOERR|PERM|AUTH|NOLFS)|^E[A-Z]+$/.test(code) || message.startsWith('ConnectionFailed'))
    return new CadenzaError('E_DISK', `cannot use ${path}: ${said}. ${DISK_ADVICE}`, { cause: error });
  return new CadenzaError('E_DATA', `${path} is not a context database, or is damaged: ${said}. ${ADVICE}`, { cause: error });
}
