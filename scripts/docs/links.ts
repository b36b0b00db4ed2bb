/** @file Checks the built site: every link and image of a page leads to a file of the site, and every anchor to an element. */

import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { parseHTML } from 'linkedom';

/** What is wrong, one line a link. External addresses are not looked up: the site is built and checked offline. */
export function deadLinks(site: string): string[] {
  const pages = readdirSync(site, { recursive: true, encoding: 'utf8' }).filter(
    name => name.endsWith('.html') && !name.startsWith('repository'),
  );
  const documents = new Map(pages.map(name => [join(site, name), parseHTML(readFileSync(join(site, name), 'utf8')).document]));
  const anchors = new Map(
    [...documents].map(([file, document]) => [file, new Set([...document.querySelectorAll('[id]')].map(({ id }) => id))]),
  );
  const dead = new Set<string>();
  for (const [file, document] of documents)
    for (const element of document.querySelectorAll('a[href], img[src]')) {
      const link = element.getAttribute('href') ?? element.getAttribute('src') ?? '';
      if (/^[a-z][a-z+.-]*:/i.test(link) || link.startsWith('//')) continue;
      const [path, anchor] = link.split('#').map(decodeURIComponent);
      const target = fileOf(path === '' ? file : path.startsWith('/') ? join(site, path) : join(dirname(file), path));
      const say = (what: string) => dead.add(`${relative(site, file)}: ${link}: ${what}`);
      if (target === undefined) say('there is no such file');
      else if (anchor && anchors.has(target) && !anchors.get(target)!.has(anchor)) say('the page has no such anchor');
    }
  return [...dead];
}

/** The file that a server answers a path with. */
function fileOf(path: string): string | undefined {
  const candidates = [path, `${path}.html`, join(path, 'index.html')];
  return candidates.find(each => existsSync(each) && statSync(each).isFile());
}
