/** @file Markdown of generated pages: tables, and text that must not be taken for markup. */

/** Text that Markdown and Vue show as it is. */
export const plain = (text: string): string =>
  text
    .replace(/[\\<>|*_[\]{}]/g, character => `&#${character.codePointAt(0)};`)
    .replace(/\s+/g, ' ')
    .trim();

/** A sentence in which `names` stay code. */
export const sentence = (text: string): string =>
  text
    .split(/(`[^`]+`)/)
    .map((part, i) =>
      i % 2 === 1 ? code(part.slice(1, -1)) : plain(part).replace(/^(?=\S)/, /^\s/.test(part) ? ' ' : '') + (/\S\s$/.test(part) ? ' ' : ''),
    )
    .join('');

/** Code in a cell of a table. */
export const code = (text: string): string => `<code v-pre>${plain(text)}</code>`;

export function table(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map(cell => cell || ' ').join(' | ')} |`;
  return `${[columns, columns.map(() => '---'), ...rows].map(line).join('\n')}\n`;
}

/** A page with its title and what generates it. */
export const page = (title: string, introduction: string, ...parts: readonly string[]): string =>
  `${[`# ${title}`, introduction, ...parts].join('\n\n')}\n`;
