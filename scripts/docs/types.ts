/** @file The fields of exported types with their docstrings, as the compiler knows them. */

import { join } from 'node:path';
import ts from 'typescript';

export interface Field {
  /** Its place, such as `methods[name].final.mean` or `tables[]`. */
  readonly path: string;
  readonly type: string;
  readonly optional: boolean;
  readonly about: string;
}

/** Fields below this depth are left to the type's name. */
const DEEPEST = 6;

/** Opens the sources of the package at `root` once; what it returns lists the fields of an exported type or constant. */
export function openTypes(root: string, files: readonly string[]) {
  const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent({ ...config, files: [], include: [] }, ts.sys, root);
  const names = files.map(file => join(root, file));
  const program = ts.createProgram(names, options);
  const checker = program.getTypeChecker();

  /** Throws where `file` exports no such name. */
  return function fieldsOf(file: string, name: string): Field[] {
    const source = program.getSourceFile(join(root, file));
    const module = source && checker.getSymbolAtLocation(source);
    const found = module && checker.getExportsOfModule(module).find(each => each.name === name);
    if (!source || !found) throw new Error(`docs: ${file} exports no ${name}. Correct the name in scripts/docs/reference.ts.`);
    const symbol = found.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(found) : found;
    const type = symbol.flags & ts.SymbolFlags.Variable ? checker.getTypeOfSymbol(symbol) : checker.getDeclaredTypeOfSymbol(symbol);
    return walk(type, '', source, 0, []);
  };

  function walk(type: ts.Type, path: string, at: ts.Node, depth: number, trail: readonly ts.Type[]): Field[] {
    return checker.getPropertiesOfType(type).flatMap(property => {
      const own = checker.getTypeOfSymbolAtLocation(property, at);
      const value = checker.getNonNullableType(own);
      const here = path ? `${path}.${property.name}` : property.name;
      const about = ts.displayPartsToString(property.getDocumentationComment(checker));
      const optional = (property.flags & ts.SymbolFlags.Optional) !== 0;
      const inner = innerOf(value);
      const field: Field = { path: here, type: nameOf(own, inner), optional, about };
      const open = inner && depth < DEEPEST && !trail.includes(inner.type);
      return [field, ...(open ? walk(inner.type, here + inner.suffix, at, depth + 1, [...trail, inner.type]) : [])];
    });
  }

  /** What a field holds that has fields itself: an object, the elements of a list, the values of a map. */
  function innerOf(type: ts.Type): { type: ts.Type; suffix: string; kind: 'object' | 'list' | 'map' } | undefined {
    if (checker.isArrayType(type)) {
      const [element] = checker.getTypeArguments(type as ts.TypeReference);
      const deeper = element && innerOf(element);
      return deeper && { ...deeper, suffix: `[]${deeper.suffix}`, kind: 'list' };
    }
    if (type.isUnionOrIntersection() && !type.isIntersection()) return undefined;
    const index = checker.getIndexTypeOfType(type, ts.IndexKind.String);
    const own = checker.getPropertiesOfType(type);
    if (index && own.length === 0) {
      const deeper = innerOf(checker.getNonNullableType(index));
      return deeper && { ...deeper, suffix: `[name]${deeper.suffix}`, kind: 'map' };
    }
    const isObject = (type.flags & (ts.TypeFlags.Object | ts.TypeFlags.Intersection)) !== 0;
    return isObject && own.length > 0 && type.getCallSignatures().length === 0 ? { type, suffix: '', kind: 'object' } : undefined;
  }

  function nameOf(type: ts.Type, inner: ReturnType<typeof innerOf>): string {
    if (inner) return { object: 'object', list: 'list of objects', map: 'objects by name' }[inner.kind];
    const text = checker.typeToString(checker.getNonNullableType(type), undefined, ts.TypeFormatFlags.NoTruncation);
    const nullable = type.isUnion() && type.types.some(each => each.flags & ts.TypeFlags.Null) ? ' or null' : '';
    return inWords(text) + nullable;
  }
}

/** `number[][]` as "list of lists of numbers", and so on; what has no words stays as it is. */
function inWords(type: string, several = false): string {
  const text = type.replace(/^readonly /, '');
  const list = /^(.*)\[\]$/.exec(text)?.[1];
  if (list !== undefined) return `${several ? 'lists' : 'list'} of ${inWords(list, true)}`;
  const map = /^Record<string, (.*)>$/.exec(text)?.[1];
  if (map !== undefined) return `map of ${inWords(map, true)}`;
  const words: Readonly<Record<string, [string, string]>> = {
    number: ['number', 'numbers'],
    string: ['text', 'texts'],
    boolean: ['true or false', 'true or false'],
    unknown: ['any', 'any values'],
  };
  if (words[text]) return words[text][several ? 1 : 0];
  return /^"[^"]*"( \| "[^"]*")*$/.test(text) ? text.replace(/ \| /g, ', ').replace(/"([^"]*)"/g, '`$1`') : text;
}
