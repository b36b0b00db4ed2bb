/**
 * @file Reads the numerals of a .tex file back, by other means than they were written with: what a reader sees is compared with the values in the
 * run's own files. For tests.
 */

/** What a paper's numbers.json says of one numeral or text. */
export interface Said {
  text: string;
  path: string;
  scale?: number;
  of?: 'name' | 'place';
}

const MATH = /\$[^$]*\$|\\\[[\s\S]*?\\\]|\\begin\{align\*\}[\s\S]*?\\end\{align\*\}/g;

/** What a reader sees, roughly: without commands that show nothing, and with the numbers that only mathematics means replaced by `#`. */
export function visible(tex: string): string {
  return (
    tex
      .replace(/\\(?:cite|ref|label|input|bibliography|bibliographystyle)\{[^}]*\}/g, '')
      .replace(/\\includegraphics\[[^\]]*\]\{[^}]*\}/g, '')
      .replace(/\\setlength\{[^}]*\}\{[^}]*\}|\\rotatebox\{\d+\}/g, '')
      .replace(/\$\\(times|epsilon)\$/g, (_, name) => (name === 'times' ? '×' : 'ε'))
      .replace(/\\allowbreak\{\}/g, '')
      // Halves, squares and first indices belong to a formula; larger constants do not.
      .replace(MATH, formula => formula.replace(/\\num\{[^}]*\}|(?<![\d.])[012](?![\d.])/g, found => (found.length > 1 ? found : '#')))
      .replace(/\\num\{([^}]*)\}/g, '$1')
      .replace(/\\([{}$&#_%])/g, '$1')
      .replace(/\\textless\{\}/g, '<')
      .replace(/\\textgreater\{\}/g, '>')
      .replace(/\\textendash\{\}/g, '–')
      .replace(/-\{\}/g, '-')
  );
}

/** Everything wrong with a .tex file: numerals that nobody accounts for, and numerals that are not what stands at their place. */
export function misreadings(tex: string, said: readonly Said[], valueAt: (path: readonly string[]) => unknown): string[] {
  const text = visible(tex);
  const wrong: string[] = [];
  let from = 0;
  for (const each of said) {
    const at = text.indexOf(each.text, from);
    if (at < 0) {
      wrong.push(`${each.text} (${each.path}) is not in the text after position ${from}`);
      continue;
    }
    wrong.push(...unaccounted(text.slice(from, at)));
    from = at + each.text.length;
    const problem = disagreement(each, valueAt(each.path.split('/')));
    if (problem) wrong.push(problem);
  }
  return [...wrong, ...unaccounted(text.slice(from))];
}

const unaccounted = (gap: string): string[] =>
  [...gap.matchAll(/\d[\d.]*/g)].map(
    ({ 0: digits, index }) => `"${digits}" comes from nowhere: …${gap.slice(Math.max(0, index - 30), index + 12)}`,
  );

function disagreement({ text, path, scale = 1, of }: Said, value: unknown): string | undefined {
  const last = path.slice(path.lastIndexOf('/') + 1);
  if (value === undefined) return `there is nothing at ${path}`;
  if (of === 'name') return text === last ? undefined : `${path} is not called ${text}`;
  if (of === 'place') return Number(text) === Number(last) + 1 ? undefined : `${path} is not in place ${text}`;
  if (typeof value === 'string') return value.startsWith(text) && text !== '' ? undefined : `${path} is "${value}", not ${text}`;
  if (typeof value !== 'number') return `${path} is ${JSON.stringify(value)}, no number`;
  const decimals = text.includes('e') ? 20 : (text.split('.')[1]?.length ?? 0);
  // An integer that is not scaled is exact; the rest is right to the last digit that is shown.
  const exact = scale === 1 && decimals === 0;
  const tolerance = exact ? 0 : scale * 0.5 * 10 ** -decimals * (1 + 1e-9) + 1e-12 * Math.abs(value);
  return Math.abs(Number(text) * scale - value) <= tolerance
    ? undefined
    : `${path} is ${value}, not ${text}${scale === 1 ? '' : ` × ${scale}`}`;
}
