/** @file The API pages: typedoc over every import that package.json exports. */

import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Application } from 'typedoc';

/** Writes a page for each import of the package below `out`. Throws where the compiler finds no sources, or typedoc an error. */
export async function writeApi(root: string, out: string): Promise<void> {
  const { name, exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    name: string;
    exports: Record<string, string>;
  };
  // 'engine/executors/node' → 'cadenza/engine/node'
  const specifiers = new Map(
    Object.entries(exports).map(([path, file]) => [file.replace(/^\.\/dist\/|(\/index)?\.js$/g, ''), name + path.slice(1)]),
  );
  mkdirSync(out, { recursive: true });
  const app = await Application.bootstrapWithPlugins({
    plugin: ['typedoc-plugin-markdown'],
    entryPoints: Object.values(exports).map(file => join(root, file.replace(/^\.\/dist\/(.*)\.js$/, 'src/$1.ts'))),
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
      pageTitleTemplates: { index: 'API', module: '{name}' },
    } as object),
  });
  const project = await app.convert();
  if (!project) throw new Error('docs: typedoc found nothing to document; see its messages above.');
  // typedoc calls a module after its file; readers know it by the name that they import.
  for (const module of project.children ?? []) {
    module.name = specifiers.get(module.name) ?? module.name;
  }
  await app.outputs.writeOutput({ name: 'markdown', path: out }, project);
  if (app.logger.hasErrors()) throw new Error('docs: typedoc failed; see its messages above.');
}
