/** @file Escapes text from data for LaTeX, in any script and without loss. Characters that no font of the document has become code points. */

import { printable } from '../../util/text.ts';

/** Pairs of a character and its replacement. */
const pairs = (list: string, as: (name: string) => string): Record<string, string> =>
  Object.fromEntries(Array.from(list.matchAll(/(\S+)\s+(\S+)/g), ([, character, name]) => [character, as(name)]));

const SPECIAL: Readonly<Record<string, string>> = {
  ...pairs(
    `\\ textbackslash ~ textasciitilde ^ textasciicircum < textless > textgreater – textendash — textemdash … ldots
    „ quotedblbase ‚ quotesinglbase « guillemotleft » guillemotright ¡ textexclamdown ¿ textquestiondown § S ° textdegree
    · textperiodcentered • textbullet µ textmu € texteuro £ pounds © textcopyright ® textregistered ™ texttrademark`,
    name => `\\${name}{}`,
  ),
  ...pairs("“ `` ” '' ‘ ` ’ '", quote => quote),
  '\u00a0': '~',
  '\u202f': '\\,',
  '\u2011': '-{}',
  '\u00ad': '\\-',
};

const MATH: Readonly<Record<string, string>> = {
  ...pairs(
    `× times ÷ div ± pm → rightarrow ← leftarrow ↔ leftrightarrow ⇒ Rightarrow ≤ le ≥ ge ≠ ne ≈ approx ∞ infty ∈ in ∑ sum √ surd
    ∂ partial ∇ nabla α alpha β beta γ gamma δ delta ε epsilon ζ zeta η eta θ theta ι iota κ kappa λ lambda μ mu ν nu ξ xi π pi ρ rho
    σ sigma ς varsigma τ tau υ upsilon φ phi χ chi ψ psi ω omega Γ Gamma Δ Delta Θ Theta Λ Lambda Ξ Xi Π Pi Σ Sigma Υ Upsilon
    Φ Phi Ψ Psi Ω Omega ℓ ell`,
    name => `\\${name}`,
  ),
  ...pairs('− - ² ^2 ³ ^3 ¹ ^1 ο o', plain => plain),
  // Greek capitals that look like Latin ones have no command.
  ...pairs('Α A Β B Ε E Ζ Z Η H Ι I Κ K Μ M Ν N Ο O Ρ P Τ T Χ X', letter => `\\mathrm{${letter}}`),
};

/** Commands of combining marks for Latin letters and for letters in mathematics. */
const MARKS = new Map(
  Array.from(
    `\u0300 \` grave \u0301 ' acute \u0302 ^ hat \u0303 ~ tilde \u0304 = bar \u0306 u breve \u0307 . dot \u0308 " ddot \u030a r mathring
    \u030b H - \u030c v check \u0323 d - \u0327 c - \u0328 k - \u0331 b - \u0342 ~ tilde`.matchAll(/(\S+)\s+(\S+)\s+(\S+)/g),
    ([, mark, text, math]) => [mark, { text, math: math === '-' ? undefined : math }] as const,
  ),
);

/** Letters that `inputenc` (utf8) supports in fonts with T1 encoding. */
const IN_FONT = /^[À-ÖØ-öø-ĥĨ-ķĹ-ľŁ-ňŊ-ťŨ-ž]$/u;

/** Escapes a text so that LaTeX shows it literally. */
export const escapeTex = (text: string): string =>
  printable(text.normalize('NFC'))
    .replace(/\s*[\n\t]\s*/g, ' ')
    // Two hyphens would become a dash.
    .replace(/-(?=-)/g, '\u2011')
    .replace(/[{}$&#_%\\~^<>]|[^ -~]\p{M}*/gu, escapeCharacter);

/** A symbol of a loss, such as λ_cap or L_rec, as mathematics: Greek letters as commands, L calligraphic, words upright. */
export const symbolTex = (symbol: string): string =>
  Array.from(symbol.matchAll(/_?\p{L}+|./gu), ([part]) => {
    if (part === 'L') return String.raw`\mathcal{L}`;
    const [name, sub] = part.startsWith('_') ? [part.slice(1), '_'] : [part, ''];
    return sub + (MATH[name] ?? (name.length > 1 ? `\\mathrm{${name}}` : name));
  }).join('');

/** What a text has where no font of the document has the character; main.tex says what it shows. */
export const CODE_POINT = '\\codepoint';

function escapeCharacter(character: string): string {
  if (SPECIAL[character]) return SPECIAL[character];
  if (MATH[character]) return `$${MATH[character]}$`;
  if (character < '~') return `\\${character}`;
  return IN_FONT.test(character) ? character : (withMarks(character) ?? codePoints(character));
}

/** A letter with combining marks; undefined if one of them has no command. */
function withMarks(character: string): string | undefined {
  const [letter, ...marks] = character.normalize('NFD');
  const math = MATH[letter];
  if (!math && !/^[A-Za-z]$/.test(letter)) return undefined;
  const commands = marks.map(mark => MARKS.get(mark)?.[math ? 'math' : 'text']);
  if (commands.length === 0 || commands.includes(undefined)) return undefined;
  const marked = commands.reduce<string>((inner, command) => `\\${command}{${inner}}`, math ?? letter);
  return math ? `$${marked}$` : marked;
}

const codePoints = (text: string): string =>
  Array.from(text, each => `${CODE_POINT}{${each.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}}`).join('');
