/** @file HTML pages: escaped markup, and the document with its styles and its one script. A page loads nothing and works without the script. */

import { printable } from '../../util/text.ts';

/** Text that is already markup and is not escaped again. */
export class Markup {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/** What a template may contain: markup as it is, texts and numbers escaped, lists joined, undefined left out. */
export type Part = Markup | string | number | undefined | readonly Part[];

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

function render(part: Part = ''): string {
  if (part instanceof Markup) return part.text;
  if (typeof part === 'object') return part.map(render).join('');
  return printable(String(part)).replace(/[&<>"']/g, character => ENTITIES[character]);
}

/** Builds markup from a template; every inserted part that is not markup is escaped. */
export const html = (strings: TemplateStringsArray, ...parts: Part[]): Markup =>
  new Markup(strings.reduce((text, string, i) => text + render(parts[i - 1]) + string));

/** A complete HTML document with this title and body. */
export const page = (name: string, body: Markup): string =>
  html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${name} · cadenza</title>
<style>${new Markup(CSS)}</style>
</head>
<body>
${body}<script>${new Markup(SCRIPT)}</script>
</body>
</html>
`.text;

/** Content that the reader unfolds; it is always visible in print. */
export const folded = (summary: Part, content: Part, name = 'more'): Markup => html`<details class="${name}"><summary>${summary}</summary>
${content}</details>
`;

/** A section of the page whose content is folded below its heading. */
export const foldedSection = (title: string, content: Part): Markup => folded(html`<h2>${title}</h2>`, content, 'section');

/** Pixels that a table may take: a window of 1,000 px less the margins of the page. */
export const TABLE_WIDTH = 940;

const CSS = `
:root { color-scheme: light dark; --ink: #1b1d21; --paper: #ffffff; --faint: #5d636c; --rule: #d9dce1; --full: #ffffff; --shade: #00000038; }
@media (prefers-color-scheme: dark) { :root { --ink: #e7e9ec; --paper: #15171b; --faint: #9aa1ab; --rule: #343840; --full: #e7e9ec; --shade: #ffffff48; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.25rem 1rem 4rem; max-width: 64rem; color: var(--ink); background: var(--paper);
  font: 16px/1.5 system-ui, 'DejaVu Sans', sans-serif; overflow-wrap: break-word; }
h1 { font-size: 1.6rem; line-height: 1.2; margin: 0 0 .4rem; }
h2 { font-size: 1.2rem; margin: 2rem 0 .5rem; padding-bottom: .25rem; border-bottom: 1px solid var(--rule); }
h3 { font-size: 1rem; margin: 1.5rem 0 .25rem; }
header + main > section:first-child > h2:first-child { margin-top: 1rem; }
p { margin: .5rem 0; max-width: 60rem; }
.note, figcaption { color: var(--faint); font-size: .875rem; }
figcaption { margin-top: .5rem; }
figure { position: relative; margin: .5rem 0 1rem; }
figure svg { display: block; width: 100%; height: auto; }
.narrow { display: none; }
@media (max-width: 40rem) { .wide { display: none; } .narrow { display: block; } }
.toggles { display: flex; flex-wrap: wrap; gap: .3rem; margin: .4rem 0; }
.toggles button { display: inline-flex; align-items: center; gap: .4em; padding: .1rem .5rem; font: inherit; font-size: .8125rem; color: inherit;
  background: none; border: 1px solid var(--rule); border-radius: 1rem; cursor: pointer; }
.toggles button[aria-pressed=false] { color: var(--faint); text-decoration: line-through; }
.toggles button[aria-pressed=false] svg { opacity: .25; }
.toggles svg { width: 22px; }
.tip { position: absolute; z-index: 2; padding: .3rem .5rem; font-size: .75rem; line-height: 1.4; white-space: nowrap; pointer-events: none;
  font-variant-numeric: tabular-nums; background: var(--paper); border: 1px solid var(--rule); border-radius: .3rem; box-shadow: 0 2px 8px var(--shade); }
.tip b { display: block; }
.tip span { display: block; }
.tip .near { font-weight: 700; }
.scroll { overflow-x: auto; max-width: max-content; background: linear-gradient(to right, var(--paper) 30%, transparent) 0 0, linear-gradient(to left, var(--paper) 30%, transparent) 100% 0,
  linear-gradient(to right, var(--shade), transparent) 0 0, linear-gradient(to left, var(--shade), transparent) 100% 0; background-size: 3rem 100%, 3rem 100%, 1rem 100%, 1rem 100%;
  background-repeat: no-repeat; background-attachment: local, local, scroll, scroll; scrollbar-width: thin; margin: .5rem 0; }
.drawing svg { display: block; margin: 0 auto; }
table { border-collapse: collapse; font-size: .875rem; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .5rem; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--rule); }
thead th { vertical-align: bottom; font-weight: 600; line-height: 1.3; white-space: normal; }
tr > :first-child { text-align: left; position: sticky; left: 0; background: var(--paper); }
/* Names of combinations and keys of tasks can be long. */
tbody th { font-weight: 400; white-space: normal; overflow-wrap: anywhere; min-width: max(7rem, var(--name, 0px)); max-width: 15rem; }
.method { display: inline-flex; align-items: center; gap: .45em; }
.method .line { flex: none; }
.own { font-weight: 700; }
.tasks tbody th { max-width: 13rem; }
.tasks thead th { overflow-wrap: anywhere; min-width: 4.5rem; max-width: 8rem; }
.tasks .method { display: block; }
.tasks .method .line { display: block; margin: 0 0 .25em auto; }
.tasks td, .tasks th { border: 1px solid var(--rule); }
.heat { background: rgb(0 90 143 / calc(var(--share) * .9)); }
.full { color: var(--full); }
@media (max-width: 40rem) { tbody th { min-width: 7.5rem; max-width: 8.5rem; } th, td { padding: .25rem .4rem; } }
dl { display: grid; grid-template-columns: fit-content(40%) 1fr; gap: .15rem 1rem; margin: .5rem 0; font-size: .875rem; }
dt { color: var(--faint); }
dd { margin: 0; font-family: ui-monospace, 'DejaVu Sans Mono', monospace; overflow-wrap: anywhere; min-width: 0; }
pre { overflow-x: auto; padding: .75rem 1rem; border: 1px solid var(--rule); border-radius: .4rem; font-size: .8125rem; line-height: 1.45; }
summary { cursor: pointer; margin: .5rem 0; }
.more > summary { color: var(--faint); font-size: .875rem; }
.more dd { font-family: inherit; }
.section > summary { border-bottom: 1px solid var(--rule); margin-top: 1rem; }
.section > summary h2 { display: inline; margin: 0; border: 0; font-size: 1.05rem; }
@media print { details::details-content { content-visibility: visible; height: auto; } .toggles, .tip { display: none; } .scroll { overflow: visible; }
  table { font-size: .7rem; } th, td { padding: .1rem .25rem; } body { padding: 0; max-width: none; } figure, tr { break-inside: avoid; } }
`;

/**
 * Figures with series (see `inSeries` in plot.ts) get a legend that hides and shows them, and the values at the pointer. What needs the script is
 * made by the script, so that a page without it has no dead controls.
 */
const SCRIPT = `
for (const figure of document.querySelectorAll('figure')) {
  const series = Array.from(figure.querySelectorAll('[data-points]'), group => ({
    group, svg: group.ownerSVGElement, name: group.dataset.series ?? group.dataset.panel, points: JSON.parse(group.dataset.points),
  }));
  if (series.length === 0) continue;
  const shape = (tag, attributes) => {
    const made = document.createElementNS('http://www.w3.org/2000/svg', tag);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  };
  const make = (tag, name, parent) => parent.appendChild(Object.assign(document.createElement(tag), { className: name }));

  // Labels are in the order of the table.
  const labeled = Array.from(figure.querySelectorAll('[data-series]')).filter(group => group.querySelector('text'));
  const names = new Set([...labeled, ...series.map(({ group }) => group)].map(({ dataset }) => dataset.series).filter(Boolean));
  if (names.size > 1) {
    const legend = make('div', 'toggles', figure);
    for (const name of names) {
      const button = make('button', '', legend);
      const path = series.find(each => each.name === name).group;
      const look = key => path.querySelector('path')?.getAttribute(key) ?? path.getAttribute(key) ?? '';
      button.type = 'button';
      const line = { d: 'M0 4H22', 'stroke-width': 3, stroke: look('stroke'), 'stroke-dasharray': look('stroke-dasharray') };
      button.appendChild(shape('svg', { width: 22, height: 8, viewBox: '0 0 22 8', 'aria-hidden': true })).append(shape('path', line));
      button.append(name);
      button.setAttribute('aria-pressed', true);
      button.onclick = () => {
        const shown = button.getAttribute('aria-pressed') === 'false';
        button.setAttribute('aria-pressed', shown);
        for (const each of figure.querySelectorAll('[data-series]')) if (each.dataset.series === name) each.style.display = shown ? '' : 'none';
      };
    }
  }

  const tip = make('div', 'tip', figure);
  const mark = shape('circle', { r: 5, fill: 'none', stroke: 'currentColor', 'stroke-width': 1.5 });
  const hide = () => { tip.hidden = true; mark.remove(); };
  hide();
  const show = event => {
    const svg = event.target.closest('svg');
    const seen = series.filter(each => each.svg === svg && each.group.style.display !== 'none');
    let near;
    for (const each of seen) {
      const { a, d, e, f } = each.group.getScreenCTM();
      for (const point of each.points) {
        const [x, y] = [a * point[0] + e, d * point[1] + f];
        const far = Math.abs(x - event.clientX) + 0.3 * Math.abs(y - event.clientY);
        if (!near || far < near.far) near = { far, each, point, x, y, e, f };
      }
    }
    if (!near || near.far > 60) return hide();
    const here = seen.flatMap(each => {
      const { e, f } = each.group.getScreenCTM();
      return e === near.e && f === near.f ? each.points.filter(([x]) => x === near.point[0]).map(point => ({ each, point })) : [];
    }).sort((a, b) => a.point[1] - b.point[1]);
    tip.hidden = false;
    tip.textContent = '';
    make('b', '', tip).textContent = (svg.dataset.x ?? '') + ' ' + near.point[2];
    for (const { each, point: [, , , y, low, high] } of here)
      make('span', each === near.each ? 'near' : '', tip).textContent = each.name + ' ' + y + (low == null ? '' : ' [' + low + ', ' + high + ']');
    const box = figure.getBoundingClientRect();
    const left = near.x - box.left + 14;
    const fits = left + tip.offsetWidth <= box.width;
    tip.style.left = Math.max(0, fits ? left : left - tip.offsetWidth - 28) + 'px';
    tip.style.top = Math.max(0, Math.min(near.y - box.top - tip.offsetHeight / 2, box.height - tip.offsetHeight)) + 'px';
    mark.setAttribute('cx', near.point[0]);
    mark.setAttribute('cy', near.point[1]);
    near.each.group.append(mark);
  };
  figure.addEventListener('pointermove', show);
  figure.addEventListener('pointerdown', show);
  figure.addEventListener('pointerleave', hide);
}
addEventListener('beforeprint', () => { for (const each of document.querySelectorAll('details')) each.open = true; });
`;
