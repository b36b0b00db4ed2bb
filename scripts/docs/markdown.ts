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

/** Something with a name, in a list: long names wrap there, and not in tables. */
export interface Entry {
  readonly name: string;
  /** Markdown; empty ones are left out. */
  readonly facts: readonly string[];
  readonly about: string;
}

export const list = (entries: readonly Entry[]): string =>
  entries
    .map(({ name, facts, about }) => `- ${code(name)} (${facts.filter(Boolean).join('; ')})${about && `: ${sentence(about)}`}`)
    .join('\n');

/** A page with its title and what generates it. */
export const page = (title: string, introduction: string, ...parts: readonly string[]): string =>
  `${[`# ${title}`, introduction, ...parts].join('\n\n')}\n`;
