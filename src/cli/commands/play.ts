/** @file `cadenza play`: the playground, in a browser on this machine. */

import type { Command } from 'commander';
import { Option } from 'commander';
import { CadenzaError } from '../../util/errors.ts';
import { jsonOption, pathOf, print, printJson } from '../options.ts';
import { endOfService } from '../signals.ts';

/** Port of the playground if none is given; any other if it is taken. */
const PORT = 4700;

export function registerPlay(program: Command): void {
  program
    .command('play')
    .argument(
      '[folders...]',
      'finished runs, or folders of exported models, to play next to those that come with cadenza',
      (text: string, before: string[] = []) => [...before, pathOf('folders')(text)],
    )
    .description('open the playground in a browser: watch agents learn in context, open their memory, and change it')
    .addOption(new Option('--port <number>', 'port to listen on; 0 for any free one').argParser(portOf).default(PORT))
    .addOption(new Option('--host <address>', 'address to listen on; any but the loopback address needs --token').default('127.0.0.1'))
    .addOption(new Option('--token <text>', 'what a browser must know; at least 16 characters'))
    .addOption(new Option('--no-open', 'do not open a browser'))
    .addOption(jsonOption())
    .action(async (folders: string[] = [], options: PlayOptions) => {
      const { servePlayground } = await import('../../server/index.ts');
      const { url, close } = await servePlayground(folders, options);
      if (options.json) printJson({ url });
      else print(`The playground is at ${url}\nPress Ctrl+C to end it.\n`);
      if (options.open && process.stdout.isTTY) (await import('../browser.ts')).openBrowser(url);
      await endOfService();
      await close();
    });
}

interface PlayOptions {
  readonly port: number;
  readonly host: string;
  readonly token?: string;
  readonly open: boolean;
  readonly json?: boolean;
}

/** A port from the command line. */
export function portOf(text: string): number {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65_535)
    throw new CadenzaError('E_USAGE', `--port: expected an integer from 0 to 65535, found "${text}".`);
  return port;
}
