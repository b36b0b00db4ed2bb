/**
 * @file Documentation of everything public: each export of each entry of package.json has a docstring, says what it throws, and the ones that a
 * newcomer calls have an example.
 */

import { readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { ROOT } from './helpers/command.ts';

const { exports: entries } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { exports: Record<string, string> };
const sources = Object.entries(entries).map(([entry, path]) => ({
  entry,
  file: join(ROOT, path.replace('./dist/', 'src/').replace(/\.js$/, '.ts')),
}));
const { config } = ts.readConfigFile(join(ROOT, 'tsconfig.json'), ts.sys.readFile);
const program = ts.createProgram(
  sources.map(({ file }) => file),
  { ...ts.convertCompilerOptionsFromJson(config.compilerOptions, ROOT).options, types: [] },
);
const checker = program.getTypeChecker();

interface Export {
  readonly name: string;
  readonly symbol: ts.Symbol;
  readonly declarations: readonly ts.Declaration[];
  /** file:line of its first declaration. */
  readonly place: string;
}

const placeOf = (node: ts.Node): string => {
  const source = node.getSourceFile();
  const { line } = source.getLineAndCharacterOfPosition(node.getStart());
  return `${relative(ROOT, source.fileName).split(sep).join('/')}:${line + 1}`;
};

/** The declarations behind every export, each once whatever entries have it. Types from packages are documented there. */
function publicExports(): Export[] {
  const found = new Map<ts.Symbol, Export>();
  for (const { entry, file } of sources) {
    const module = checker.getSymbolAtLocation(program.getSourceFile(file)!);
    if (!module) throw new Error(`${entry} exports nothing`);
    for (const exported of checker.getExportsOfModule(module)) {
      const symbol = exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported;
      const declarations = (symbol.declarations ?? []).filter(each => !each.getSourceFile().fileName.includes('node_modules'));
      if (declarations.length > 0 && !found.has(symbol))
        found.set(symbol, { name: exported.name, symbol, declarations, place: placeOf(declarations[0]) });
    }
  }
  return [...found.values()];
}

const all = publicExports();

const summaryOf = (symbol: ts.Symbol): string => ts.displayPartsToString(symbol.getDocumentationComment(checker)).trim();
const tagsOf = (symbol: ts.Symbol, name: string): ts.JSDocTagInfo[] => symbol.getJsDocTags(checker).filter(tag => tag.name === name);

/** The function that a declaration is or holds: a declared one, or an arrow function in a constant. */
function functionOf(node: ts.Node): ts.FunctionLikeDeclaration | undefined {
  if (ts.isFunctionLike(node) && 'body' in node && node.body) return node as ts.FunctionLikeDeclaration;
  return ts.isVariableDeclaration(node) && node.initializer ? functionOf(node.initializer) : undefined;
}

/** Whether running the node throws by itself: by `throw`, by an assertion, or through a helper of the same file that is not exported. */
function throws(node: ts.Node, seen = new Set<ts.Node>()): boolean {
  if (seen.has(node)) return false;
  seen.add(node);
  let found = false;
  const visit = (child: ts.Node): void => {
    // What is caught here does not come out.
    if (found || ts.isCatchClause(child.parent) || (ts.isTryStatement(child.parent) && child.parent.tryBlock === child)) {
      if (!found && ts.isCatchClause(child.parent)) ts.forEachChild(child, visit);
      return;
    }
    if (ts.isThrowStatement(child)) found = true;
    else if (ts.isCallExpression(child)) found = asserts(child) || helperThrows(child, seen);
    if (!found) ts.forEachChild(child, visit);
  };
  ts.forEachChild(node, visit);
  return found;
}

/** A call of a function that asserts, or never returns. */
function asserts(call: ts.CallExpression): boolean {
  const signature = checker.getResolvedSignature(call);
  if (!signature) return false;
  const predicate = checker.getTypePredicateOfSignature(signature);
  return predicate?.kind === ts.TypePredicateKind.AssertsIdentifier || !!(signature.getReturnType().flags & ts.TypeFlags.Never);
}

function helperThrows(call: ts.CallExpression, seen: Set<ts.Node>): boolean {
  const symbol = ts.isIdentifier(call.expression) ? checker.getSymbolAtLocation(call.expression) : undefined;
  const helper = symbol?.valueDeclaration;
  if (!helper || helper.getSourceFile() !== call.getSourceFile()) return false;
  const body = functionOf(helper);
  return !!body && throws(body, seen);
}

/** Errors of TypeScript for names that the text around an example introduces: by themselves, in shorthand, and `test` of a test runner. */
const UNKNOWN_NAME = new Set([2304, 18004, 2582, 2593]);

/** Type errors of examples, each compiled with imports of the exports that it names, preferably those of its own room. */
function faultsOf(examples: readonly { readonly place: string; readonly name: string; readonly code: string }[]): string[] {
  const sourceOf = ({ declarations: [first] }: Export) => relative(ROOT, first.getSourceFile().fileName).split(sep).join('/');
  const roomOf = (path: string) => path.split('/')[1];
  const texts = new Map(
    examples.map(({ place, code }, i) => {
      const uses = (name: string) =>
        new RegExp(`(?<!\\w|[\\w)\\]]\\.)${name}\\b(?!:)`).test(code) &&
        !new RegExp(`(const|let|import) [^=]*\\b${name}\\b[^=]*( = | from )`).test(code);
      const named = new Map<string, string>();
      for (const each of all.filter(({ name }) => uses(name))) {
        const path = sourceOf(each);
        if (!named.has(each.name) || roomOf(path) === roomOf(place)) named.set(each.name, path);
      }
      const imports = [...named].map(([name, path]) => `import { ${name} } from '../${path}';`);
      return [join(ROOT, 'test', `example-${i}.ts`), [...imports, 'export {};', code].join('\n')];
    }),
  );
  const options: ts.CompilerOptions = {
    ...program.getCompilerOptions(),
    noUnusedLocals: false,
    verbatimModuleSyntax: false,
    noImplicitAny: false,
    types: ['node'],
  };
  const host = ts.createCompilerHost(options);
  const { getSourceFile, fileExists } = host;
  host.fileExists = file => texts.has(file) || fileExists(file);
  host.getSourceFile = (file, ...rest) => {
    const text = texts.get(file);
    if (text !== undefined) return ts.createSourceFile(file, text, ts.ScriptTarget.ESNext, true);
    return program.getSourceFile(file) ?? getSourceFile(file, ...rest);
  };
  const compiled = ts.createProgram([...texts.keys()], options, host);
  return [...texts.keys()].flatMap((file, i) => {
    const source = compiled.getSourceFile(file);
    return [...compiled.getSyntacticDiagnostics(source), ...compiled.getSemanticDiagnostics(source)]
      .filter(({ code }) => !UNKNOWN_NAME.has(code))
      .map(({ messageText }) => `${examples[i].place} ${examples[i].name}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`);
  });
}

/** Fields that their names and types explain. */
const SELF_EXPLANATORY = new Set(
  `id name description size count steps seed seeds episodes episode tasks streams random resamples resampled confidence low high mean value
  format side protocol reference method run before after results data of`.split(/\s+/),
);

describe('the public exports', () => {
  it('are many', () => {
    expect(all.length).toBeGreaterThan(300);
  });

  it('each have a summary', () => {
    expect(all.filter(({ symbol }) => summaryOf(symbol) === '').map(({ place, name }) => `${place} ${name}`)).toEqual([]);
  });

  it('name what they throw', () => {
    const silent = all.flatMap(({ name, symbol, declarations, place }) => {
      if (tagsOf(symbol, 'throws').length > 0) return [];
      const bodies = declarations.flatMap(each => functionOf(each) ?? []);
      return bodies.some(body => throws(body)) ? [`${place} ${name}`] : [];
    });
    expect(silent).toEqual([]);
  });

  it('of classes name what their methods throw', () => {
    const silent = all.flatMap(({ name, declarations }) =>
      declarations.filter(ts.isClassDeclaration).flatMap(({ members }) =>
        members.flatMap(member => {
          const hidden =
            member.name && (ts.isPrivateIdentifier(member.name) || ts.getCombinedModifierFlags(member) & ts.ModifierFlags.Private);
          const body = hidden ? undefined : functionOf(member);
          const documented = ts.getJSDocTags(member).some(tag => tag.tagName.text === 'throws');
          return body && !documented && throws(body) ? [`${placeOf(member)} ${name}.${member.name?.getText() ?? 'constructor'}`] : [];
        }),
      ),
    );
    expect(silent).toEqual([]);
  });

  it('have examples where a newcomer begins, and these compile', () => {
    const examples = all.flatMap(({ name, symbol, place }) =>
      tagsOf(symbol, 'example').map(({ text }) => ({ place, name, code: ts.displayPartsToString(text).trim() })),
    );
    expect(new Set(examples.map(({ place }) => place)).size).toBeGreaterThanOrEqual(40);
    expect(faultsOf(examples)).toEqual([]);
  });

  it('say what the fields of interfaces are', () => {
    const silent = all.flatMap(({ name, declarations }) =>
      declarations.filter(ts.isInterfaceDeclaration).flatMap(({ members }) =>
        members.flatMap(member => {
          const symbol = member.name && checker.getSymbolAtLocation(member.name);
          return symbol && summaryOf(symbol) === '' && !SELF_EXPLANATORY.has(symbol.name)
            ? [`${placeOf(member)} ${name}.${symbol.name}`]
            : [];
        }),
      ),
    );
    expect(silent).toEqual([]);
  });
});
