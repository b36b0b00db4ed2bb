/** @file Untrusted text that a person reads: on a terminal, on a page, in a paper. */

/** All control characters except line breaks (`\r` only before `\n`) and tab, bidirectional controls, line separators, and unpaired surrogates. */
const UNSEEN = String.raw`(?![\n\t]|\r\n)[\p{Cc}\p{Bidi_Control}\p{Zl}\p{Zp}\p{Cs}]`;
/** The codes that picocolors writes: bold, dim, colors, and their ends. */
const COLOR = `${String.fromCharCode(0x1b)}\\[(?:[12]|22|3[0-79]|9[0-7])m`;

const ANY_UNSEEN = new RegExp(UNSEEN, 'gu');
const COLOR_OR_UNSEEN = new RegExp(`${COLOR}|${UNSEEN}`, 'gu');

/**
 * Escapes characters that control a terminal, as JSON does (`\u001b`): names, notes and hosts come from files of others. JSON stays
 * equivalent JSON. With `colors`, the color codes of our own reports are preserved.
 */
export function printable(text: string, { colors = false }: { colors?: boolean } = {}): string {
  const seen = (found: string) => (found.length > 1 ? found : `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}`);
  return text.replace(colors ? COLOR_OR_UNSEEN : ANY_UNSEEN, seen);
}

/** The width of the terminal in characters; 80 if it is unknown, which some terminals report as 0. */
export const terminalWidth = (stream: { readonly columns?: number } = process.stdout): number => stream.columns || 80;

/** Breaks text into lines of at most `width` characters, unless a word is longer. */
export function wrap(text: string, width: number): string {
  const lines = [''];
  for (const word of text.split(' ')) {
    const line = lines[lines.length - 1];
    if (line && line.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = line ? `${line} ${word}` : word;
  }
  return lines.join('\n');
}
