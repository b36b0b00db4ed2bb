/** @file The API pages: typedoc over every import that package.json exports. */

import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Application, Comment } from 'typedoc';

/** Writes a page for each import of the package below `out`. Throws where the compiler finds no sources, or typedoc an error. */
export async function writeApi(root: string, out: string): Promise<void> {
  const { name, exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    name: string;
    exports: Record<string, string>;
  };
  const imports = Object.entries(exports).map(([path, file]) => {
    const source = join(root, file.replace(/^\.\/dist\/(.*)\.js$/, 'src/$1.ts'));
    // typedoc calls `src/engine/index.ts` "engine"; readers import "cadenza/engine".
    return { source, module: file.replace(/^\.\/dist\/|(\/index)?\.js$/g, ''), specifier: name + path.slice(1) };
  });
  mkdirSync(out, { recursive: true });
  const app = await Application.bootstrapWithPlugins({
    plugin: ['typedoc-plugin-markdown'],
    entryPoints: imports.map(({ source }) => source),
    tsconfig: join(root, 'tsconfig.json'),
    // The type check of the repository is a test of its own.
    skipErrorChecking: true,
    disableSources: true,
    readme: 'none',
    excludePrivate: true,
    excludeInternal: true,
    excludeExternals: true,
    logLevel: 'Error',
    // Options of the Markdown plugin, which typedoc's own type does not have.
    ...({
      outputFileStrategy: 'modules',
      hidePageHeader: true,
      hideBreadcrumbs: true,
      useCodeBlocks: true,
      sanitizeComments: true,
      useHTMLAnchors: true,
      expandObjects: false,
      parametersFormat: 'table',
      interfacePropertiesFormat: 'table',
      typeDeclarationFormat: 'table',
      enumMembersFormat: 'table',
      fileExtension: '.md',
      entryFileName: 'index',
      indexFormat: 'table',
      pageTitleTemplates: { index: 'API', module: '{name}' },
    } as object),
  });
  const project = await app.convert();
  if (!project) throw new Error('docs: typedoc found nothing to document; see its messages above.');
  for (const module of project.children ?? []) {
    const { source, specifier } = imports.find(each => each.module === module.name)!;
    module.name = specifier;
    module.comment ??= new Comment([{ kind: 'text', text: whyOf(source) }]);
  }
  await app.outputs.writeOutput({ name: 'markdown', path: out }, project);
  if (app.logger.hasErrors()) throw new Error('docs: typedoc failed; see its messages above.');
}

/** What a source file says of itself after `@file`. */
function whyOf(file: string): string {
  const [, text = ''] = /\/\*\*\s*(?:\*\s*)?@file\s+([\s\S]*?)\*\//.exec(readFileSync(file, 'utf8')) ?? [];
  return text.replace(/\n \*/g, ' ').replace(/\s+/g, ' ').trim();
}
