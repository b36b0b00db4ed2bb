import { describe, expect, it } from 'vitest';
import { escapeTex, symbolTex } from './escape.ts';

describe('escapeTex', () => {
  it.each([
    ['Läufe für Straße', 'Läufe für Straße'],
    ['Ångström, Łódź, Çelik, Ñandú, Œuvre', 'Ångström, Łódź, Çelik, Ñandú, Œuvre'],
    ['La\u0308ufe', 'Läufe'],
    ['Việt', 'Vi\\^{\\d{e}}t'],
    ['αβ, ά, Ω, Α', '$\\alpha$$\\beta$, $\\acute{\\alpha}$, $\\Omega$, $\\mathrm{A}$'],
    ['1–2 — … “a” «b» 5 €', "1\\textendash{}2 \\textemdash{} \\ldots{} ``a'' \\guillemotleft{}b\\guillemotright{} 5 \\texteuro{}"],
    ['a--b', 'a-{}-b'],
    ['50% of {x}_1 & #2 ~ ^', '50\\% of \\{x\\}\\_1 \\& \\#2 \\textasciitilde{} \\textasciicircum{}'],
    ['中🎲', '\\codepoint{4E2D}\\codepoint{1F3B2}'],
    ['two\n\nlines', 'two lines'],
    ['\u001b[1m', '\\textbackslash{}u001b[1m'],
  ])('text %#', (text, expected) => {
    expect(escapeTex(text)).toBe(expected);
  });

  it('loses no character: every one of the Basic Multilingual Plane becomes something of its own', () => {
    const seen = new Map<string, string>();
    const lost: string[] = [];
    for (let code = 0x21; code < 0xfffe; code++) {
      const character = String.fromCharCode(code).normalize('NFC');
      const written = escapeTex(character);
      const other = seen.get(written) ?? character;
      // Quotation marks in LaTeX are those of a typewriter.
      if (written === '' || (written === '?' && character !== '?') || (other !== character && !/[`'“”‘’]/.test(character + other)))
        lost.push(`U+${code.toString(16)} ${character} and ${other}: ${written}`);
      seen.set(written, character);
    }
    expect(lost).toEqual([]);
  });
});

it.each([
  ['α', '\\alpha'],
  ['λ_cap', '\\lambda_\\mathrm{cap}'],
  ['ℓ_task', '\\ell_\\mathrm{task}'],
  ['L_rec', '\\mathcal{L}_\\mathrm{rec}'],
  ['R(Z)', 'R(Z)'],
])('sets the symbol %s as mathematics', (symbol, expected) => {
  expect(symbolTex(symbol)).toBe(expected);
});
