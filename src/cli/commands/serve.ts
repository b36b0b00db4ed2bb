/** @file `cadenza play` and `cadenza watch`: pages in a browser on this machine. */

import { type Command, Option } from 'commander';
import type { RunningServer, ServerOptions } from '../../server/server.ts';
import { CadenzaError } from '../../util/errors.ts';
import { jsonOption, pathOf, print, printJson } from '../options.ts';
import { endOfService } from '../signals.ts';

interface ServiceOptions extends Pick<ServerOptions, 'port' | 'host' | 'token'> {
  readonly open: boolean;
  readonly json?: boolean;
}

/** Adds the options of a server, whose port is `port` unless another is given. */
const withService = (command: Command, port: number): Command =>
  [
    new Option('--port <number>', 'port to listen on; 0 for any free one').argParser(portOf).default(port),
    new Option('--host <address>', 'address to listen on; any but the loopback address needs --token').default('127.0.0.1'),
    new Option('--token <text>', 'what a browser must know; at least 16 characters'),
    new Option('--no-open', 'do not open a browser'),
    jsonOption(),
  ].reduce((all, option) => all.addOption(option), command);

export function registerPlay(program: Command): void {
  const play = program
    .command('play')
    .argument(
      '[folders...]',
      'finished runs, or folders of exported models, to play next to those that come with cadenza',
      (text: string, before: string[] = []) => [...before, pathOf('folders')(text)],
    )
    .description('open the playground in a browser: watch agents learn in context, open their memory, and change it');
  withService(play, 4700).action(async (folders: string[] = [], options: ServiceOptions) => {
    const { servePlayground } = await import('../../server/index.ts');
    await serve('The playground is at', await servePlayground(folders, options), options);
  });
}

export function registerWatch(program: Command): void {
  const watch = program
    .command('watch')
    .argument('[folder]', 'folder that contains runs, ablations and searches, finished or not', pathOf('folder'), 'runs')
    .description('open a live view of runs in a browser: progress, losses, returns, settings and results');
  withService(watch, 4701).action(async (folder: string, options: ServiceOptions) => {
    const { serveWatch } = await import('../../server/index.ts');
    await serve(`The runs in ${folder} are at`, await serveWatch(folder, options), options);
  });
}

/** Says where the server is and opens a browser there. Ends it at the first signal. */
async function serve(what: string, { url, close }: RunningServer, { open, json }: ServiceOptions): Promise<void> {
  if (json) printJson({ url });
  else print(`${what} ${url}\nPress Ctrl+C to end it.\n`);
  if (open && process.stdout.isTTY) (await import('../browser.ts')).openBrowser(url);
  await endOfService();
  await close();
}

/** A port from the command line. */
export function portOf(text: string): number {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65_535)
    throw new CadenzaError('E_USAGE', `--port: expected an integer from 0 to 65535, found "${text}".`);
  return port;
}
