/** @file Text that comes from data, where a person reads it: on a terminal, on a page, in a paper. */

/** All control characters but the line break and the tab, what changes the direction of text, separators of lines, and halves of characters. */
const UNSEEN = String.raw`(?![\n\t])[\p{Cc}\p{Bidi_Control}\p{Zl}\p{Zp}\p{Cs}]`;
/** What picocolors writes: bold, dim, colors, and their ends. */
const COLOR = `${String.fromCharCode(0x1b)}\\[(?:[12]|22|3[0-79]|9[0-7])m`;

const ANY_UNSEEN = new RegExp(UNSEEN, 'gu');
const COLOR_OR_UNSEEN = new RegExp(`${COLOR}|${UNSEEN}`, 'gu');

/**
 * The text with what acts on a terminal instead of being seen written as JSON writes it (`\u001b`): names, notes and hosts come from files of
 * others. JSON stays equal JSON. With `colors`, the color codes of our own reports stay.
 */
export function printable(text: string, { colors = false }: { colors?: boolean } = {}): string {
  const seen = (found: string) => (found.length > 1 ? found : `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}`);
  return text.replace(colors ? COLOR_OR_UNSEEN : ANY_UNSEEN, seen);
}

/** The text in lines of at most `width`, unless a word is longer. */
export function wrap(text: string, width: number): string {
  const lines = [''];
  for (const word of text.split(' ')) {
    const line = lines[lines.length - 1];
    if (line && line.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = line ? `${line} ${word}` : word;
  }
  return lines.join('\n');
}
