/** @file Writes the reference pages into docs/reference, all of them generated from the code. */

import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeApi } from './api.ts';
import { commandsPage } from './commands.ts';
import { kindsPage } from './kinds.ts';
import { DECLARED, errorsPage, formatsPage, resultsPage } from './records.ts';
import { settingsPage } from './settings.ts';
import { openTypes } from './types.ts';

export async function writeReference(root: string): Promise<void> {
  const out = join(root, 'docs', 'reference');
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  const fieldsOf = openTypes(
    root,
    DECLARED.map(([file]) => file),
  );
  const pages = {
    settings: settingsPage(),
    commands: commandsPage(),
    kinds: kindsPage(),
    results: resultsPage(fieldsOf),
    formats: formatsPage(fieldsOf),
    errors: errorsPage(fieldsOf),
  };
  for (const [name, text] of Object.entries(pages)) writeFileSync(join(out, `${name}.md`), text);
  await writeApi(root, join(out, 'api'));
}
