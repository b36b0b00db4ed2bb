/** @file Whether to write escape codes for color. Not picocolors' own answer: it says yes under CI, even into a file. */

/**
 * True on a terminal, unless NO_COLOR (https://no-color.org) is set; elsewhere only if FORCE_COLOR asks for it.
 */
export function wantsColor(stream: { isTTY?: boolean } = process.stdout, environment: NodeJS.ProcessEnv = process.env): boolean {
  if (environment.NO_COLOR) return false;
  const { FORCE_COLOR: forced } = environment;
  return forced !== undefined ? forced !== '0' && forced !== 'false' : Boolean(stream.isTTY) && environment.TERM !== 'dumb';
}
