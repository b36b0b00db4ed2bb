import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
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

const missing = (shell: string) => spawnSync(shell, ['--version']).status !== 0;

/** A `cadenza` that notes the words it is asked for and answers with a text, first on the path of a shell. */
function shellWith(answer: string) {
  const bin = join(folder, 'bin');
  mkdirSync(bin, { recursive: true });
  writeFileSync(join(bin, 'cadenza'), `#!/bin/sh\nprintf '%s|' "$@" > ${join(folder, 'asked')}\nprintf '${answer}'\n`, { mode: 0o755 });
  const env = { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH}`, XDG_CONFIG_HOME: folder };
  return (shell: string, script: string) => {
    const found = execFileSync(shell, ['-c', script], { encoding: 'utf8', cwd: folder, env, timeout: 60_000 });
    return { found, asked: readFileSync(join(folder, 'asked'), 'utf8').split('|').slice(0, -1) };
  };
}

describe('the scripts', () => {
  it.each(['bash', 'zsh', 'fish'])('of %s asks for the words', async shell => {
    expect((await withinProcess(['completion', shell])).stdout).toContain('cadenza __complete --');
    expect((await withinProcess(['__complete', '--', 'run', 'dark-room-h'])).stdout).toBe('dark-room-hard\n');
  });

  it.skipIf(missing('bash'))('of bash takes words with "=" and leaves them open', async () => {
    const { stdout } = await withinProcess(['completion', 'bash']);
    const shell = (line: string, answer: string) => {
      const asked = `cadenza() { shift 2; printf '%s|' "$@" >&2; printf '${answer}'; }; compopt() { printf 'open '; }`;
      const typed = `COMP_LINE=${JSON.stringify(line)}; COMP_POINT=\${#COMP_LINE}; _cadenza 2>asked; printf '%s,' "\${COMPREPLY[@]}"; cat asked`;
      return execFileSync('bash', ['-c', `${stdout}\n${asked}\n${typed}`], { encoding: 'utf8', cwd: folder });
    };
    expect(shell('cadenza run tiny --set latents.k', 'latents.kind=\\tabout\\n')).toMatch(/^open latents\.kind=,/);
    expect(shell('cadenza run --set latents.kind=v', 'latents.kind=variational\\nlatents.kind=vq\\n')).toMatch(/^variational,vq,/);
    expect(shell('cadenza run ', 'tiny\\n')).toMatch(/^tiny,/);
  });

  it.skipIf(missing('fish')).each([
    ['run ti', 'tiny\\tabout\\n', 'tiny\tabout\n', ['run', 'ti']],
    ['run ', 'tiny\\n', 'tiny\n', ['run', '']],
    ['run --set latents.k', 'latents.kind=\\tabout\\n', 'latents.kind=\tabout\n', ['run', '--set', 'latents.k']],
    ['run --set latents.kind=v', 'latents.kind=vq\\n', 'latents.kind=vq\n', ['run', '--set', 'latents.kind=v']],
    ['run --out mi', '', 'mine/\n', ['run', '--out', 'mi']],
  ])(
    'of fish offers for "%s" what cadenza answers, else files',
    async (typed, answer, offered, words) => {
      const { stdout } = await withinProcess(['completion', 'fish']);
      const { found, asked } = shellWith(answer)('fish', `${stdout}\ncomplete -C 'cadenza ${typed}'`);
      expect([found, asked]).toEqual([offered, ['__complete', '--', ...words]]);
    },
    60_000,
  );

  it.skipIf(missing('zsh')).each([
    ['run ti', 'tiny\\tabout: one\\n', 'run tiny ', ['run', 'ti']],
    ['comp', 'completion\\n', 'completion ', ['comp']],
    ['run --set latents.k', 'latents.kind=\\tabout\\n', 'run --set latents.kind=', ['run', '--set', 'latents.k']],
    ['run --set latents.kind=v', 'latents.kind=vq\\n', 'run --set latents.kind=vq ', ['run', '--set', 'latents.kind=v']],
    ["run --set name='a b' ti", 'tiny\\n', "run --set name='a b' tiny ", ['run', '--set', 'name=a b', 'ti']],
    ['run --out mi', '', 'run --out mine/', ['run', '--out', 'mi']],
  ])(
    'of zsh makes of "%s" what cadenza answers, else a file',
    async (typed, answer, line, words) => {
      writeFileSync('cadenza.zsh', (await withinProcess(['completion', 'zsh'])).stdout);
      // A terminal in which the line is typed, a tab, and a key that shows what the line is then.
      const script = `zmodload zsh/zpty
      zpty z 'zsh -f -i'
      zpty -w z 'autoload -Uz compinit && compinit -u -D; source ./cadenza.zsh; show() { print -r -- "<$BUFFER>" }; zle -N show; bindkey "^X" show; print RE''ADY'
      zpty -r -m z out '*READY*'
      zpty -w -n z ${JSON.stringify(`cadenza ${typed}`)}$'\\t\\C-x'
      zpty -r -m z out '*<cadenza *>*'
      print -r -- "$out"
      zpty -d z`;
      const { found, asked } = shellWith(answer)('zsh', script);
      expect(/<cadenza (.*)>/.exec(found)?.[1]).toBe(line);
      expect(asked).toEqual(['__complete', '--', ...words]);
    },
    60_000,
  );
});
