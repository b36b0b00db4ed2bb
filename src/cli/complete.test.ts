import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { withinProcess } from '../../test/helpers/command.ts';
import { presets } from '../config/presets.ts';
import { STAGE_COMMANDS } from '../training/stages/names.ts';
import { complete } from './complete.ts';
import { buildProgram } from './program.ts';

const folder = mkdtempSync(join(tmpdir(), 'cadenza-complete-'));
const before = process.cwd();
beforeAll(() => {
  process.chdir(folder);
  for (const name of ['runs/one/stages', 'runs/other', 'mine']) mkdirSync(name, { recursive: true });
  for (const name of ['own.yaml', 'mine/small.yaml', 'mine/notes.txt']) writeFileSync(name, 'name: own\nbase: tiny-regression\n');
});
afterAll(() => {
  process.chdir(before);
  rmSync(folder, { recursive: true });
});

const words = async (...typed: string[]) => (await complete(buildProgram(), typed)).map(([word]) => word);

describe('the word that is being typed', () => {
  it.each([
    [['ab'], ['ablate']],
    [['--imp'], ['--import']],
    [
      ['config', ''],
      ['print', 'schema', 'help'],
    ],
    [['run', 'tiny', '--dr'], ['--dry-run']],
    [
      ['run', 'tin'],
      ['tiny', 'tiny-regression'],
    ],
    [['run', 'o'], ['own.yaml']],
    [['run', 'mine/'], ['mine/small.yaml']],
    [['ablate', 'ma'], ['matrix']],
    [['report', ''], ['runs/one']],
    [['compare', 'runs/one', ''], ['runs/one']],
    [
      ['tune', 'dark-room', '--method', ''],
      ['random', 'halving'],
    ],
    [['tune', 'dark-room', '--space', 't'], ['tiny']],
    [['completion', 'f'], ['fish']],
    [['run', 'tiny', '--out', ''], []],
    [['run', 'tiny', 'more', ''], []],
    [['nothing', 'of', ''], []],
  ])('%j may be %j', async (typed, expected) => {
    expect(await words(...typed)).toEqual(expected);
  });

  it('may be any command or preset, or a stage', async () => {
    const shown = buildProgram().commands.map(command => command.name());
    expect((await words('')).sort()).toEqual([...shown.filter(name => !name.startsWith('_')), 'help'].sort());
    expect(await words('run', '')).toEqual([...presets('experiment'), 'own.yaml']);
    expect(await words('run', 'tiny', '--until', '')).toEqual(Object.keys(STAGE_COMMANDS));
  });

  it('may be a setting, a part at a time, of the kind that the experiment is of', async () => {
    const set = (...typed: string[]) => words(...typed.slice(0, -1), '--set', typed.at(-1)!);
    expect(await set('run', 'tiny', 'mod')).toEqual(['model.']);
    expect(await set('run', 'tiny', 'model.lat')).toEqual(['model.latents=']);
    expect(await set('run', 'tiny', 'latents.kind=v')).toEqual(['latents.kind=variational', 'latents.kind=vq']);
    expect(await set('run', 'tiny', 'policy.selfAttention=')).toEqual(await set('run', 'dark-room', 'policy.selfAttention='));
    expect(await set('run', 'own.yaml', 'problem.')).toEqual(['problem.id=', 'problem.options=']);
    expect(await set('run', 'tiny', 'problem')).toEqual([]);
  });
});

describe('the scripts', () => {
  it.each(['bash', 'zsh', 'fish'])('of %s asks for the words', async shell => {
    expect((await withinProcess(['completion', shell])).stdout).toContain('cadenza __complete --');
    expect((await withinProcess(['__complete', '--', 'run', 'dark-room-h'])).stdout).toBe('dark-room-hard\n');
  });

  it.skipIf(!existsSync('/bin/bash'))('of bash takes words with "=" and leaves them open', async () => {
    const { stdout } = await withinProcess(['completion', 'bash']);
    const shell = (line: string, answer: string) => {
      const asked = `cadenza() { shift 2; printf '%s|' "$@" >&2; printf '${answer}'; }; compopt() { printf 'open '; }`;
      const typed = `COMP_LINE=${JSON.stringify(line)}; COMP_POINT=\${#COMP_LINE}; _cadenza 2>asked; printf '%s,' "\${COMPREPLY[@]}"; cat asked`;
      return execFileSync('/bin/bash', ['-c', `${stdout}\n${asked}\n${typed}`], { encoding: 'utf8', cwd: folder });
    };
    expect(shell('cadenza run tiny --set latents.k', 'latents.kind=\\tabout\\n')).toMatch(/^open latents\.kind=,/);
    expect(shell('cadenza run --set latents.kind=v', 'latents.kind=variational\\nlatents.kind=vq\\n')).toMatch(/^variational,vq,/);
    expect(shell('cadenza run ', 'tiny\\n')).toMatch(/^tiny,/);
  });
});
