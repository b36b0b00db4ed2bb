/** @file Whether to write color escape codes. picocolors has its own test, but it enables colors under CI even when writing to a file. */

/** True on a terminal unless NO_COLOR (https://no-color.org) is set; otherwise only if FORCE_COLOR is set. */
export function wantsColor(stream: { isTTY?: boolean } = process.stdout, environment: NodeJS.ProcessEnv = process.env): boolean {
  if (environment.NO_COLOR) return false;
  const { FORCE_COLOR: forced } = environment;
  return forced !== undefined ? forced !== '0' && forced !== 'false' : Boolean(stream.isTTY) && environment.TERM !== 'dumb';
}
