/**
 * @file Splits a computation over the rows of a batch: the same graph built for a part of the rows becomes one whose outputs, added over the
 * parts, are those of the whole batch. What the rows share, such as the sum of weights that a loss is divided by, becomes an input. The rows
 * are not declared anywhere: they are the axis in which the graph of the whole batch and that of a part differ.
 */

import { type Graph, inputsOf, nodesOf } from './graph.ts';
import { mul } from './ops/elementwise.ts';
import { ELEMENTWISE, LAST_AXIS, REDUCTIONS } from './ops/kinds.ts';
import { input } from './ops/structure.ts';
import { apply, type Node, type Shape, sameShape, sizeOf, type Tensor } from './tensor.ts';

/** A computation that is split over the rows of its batch. */
export interface RowSplit {
  /** The graph of one part. Its outputs, added over the parts (or joined, as `joined` says), are those of the whole batch. */
  readonly part: Graph;
  /** The inputs of `part` that are the same for all parts and computed from the whole batch. */
  readonly totals: Graph;
  /** Names of the inputs whose first axis the parts divide among themselves. */
  readonly rows: ReadonlySet<string>;
  /** Names of the outputs whose first axis is that of the rows: those of the parts, one after the other, are those of the whole batch. */
  readonly joined: ReadonlySet<string>;
  /** Names of the outputs that mix rows in a way that neither a sum over parts nor joining them can express. They are not in `part`. */
  readonly mixed: readonly string[];
}

/**
 * How a value of a part relates to that of the whole batch. `same`: it is equal. `rows`: it holds some of the rows; `groups`: the number of
 * equal pieces of the axis of which each holds some (as in [T·B] from [T, B]), or undefined if all rows are equal. `addend`: the whole value
 * is the sum over the parts. `mixed`: none of these.
 */
type Relation =
  | { readonly kind: 'same' | 'addend' | 'mixed' }
  | { readonly kind: 'rows'; readonly axis: number; readonly groups: number | undefined };

const SAME: Relation = { kind: 'same' };
const ADDEND: Relation = { kind: 'addend' };
const MIXED: Relation = { kind: 'mixed' };

/** The axis along which a part has its share of the whole shape; undefined if the shapes differ in any other way. */
function rowAxis(whole: Shape, part: Shape, parts: number): number | undefined {
  const [axis, another] = part.flatMap((n, i) => (whole[i] === n ? [] : [i]));
  if (whole.length !== part.length || axis === undefined || another !== undefined) return undefined;
  return whole[axis] === parts * part[axis] ? axis : undefined;
}

/** A node for the whole batch and its counterpart for a part. */
interface Pair {
  readonly whole: Node;
  readonly part: Node;
}

type Rows = Extract<Relation, { kind: 'rows' }>;

/** Ops whose attributes are shapes, which may differ. */
const SHAPED = ['input', 'constant', 'reshape', 'broadcastTo'];
/** Ops with one input whose outputs are linear functions of it, the same for all parts. */
const LINEAR = ['neg', 'reshape', 'transpose', 'stopGradient', 'broadcastTo', 'sum', 'mean', 'slice', 'pad', 'split'];
const sizeBefore = (shape: Shape, axis: number) => sizeOf(shape.slice(0, axis));

/** Relation of a slice along the rows if it keeps whole pieces, such as the [B] of one step from [T·B]. */
function relationOfPieces({ part, whole }: Pair, { axis, groups = 1 }: Rows): Relation {
  if (part.attributes.step !== 1) return MIXED;
  const pieces = ({ attributes, inputs }: Node) =>
    [attributes.start, attributes.stop].map(bound => ((bound as number) * groups) / inputs[0].shape[axis]);
  const [[start, stop], all] = [pieces(part), pieces(whole)];
  const equal = start === all[0] && stop === all[1] && Number.isInteger(start) && Number.isInteger(stop);
  return equal ? { kind: 'rows', axis, groups: stop - start } : MIXED;
}

/** Relation of a node's outputs, whose rows are along `axis`, if some of its inputs are rows and the others are the same for all parts. */
function relationOfRows(pair: Pair, relations: readonly Relation[], axis: number | undefined): Relation {
  const { op, inputs, attributes, outputs } = pair.part;
  const { name } = op;
  const rows = relations.flatMap((relation, i) => (relation.kind === 'rows' ? [{ ...relation, shape: inputs[i].shape }] : []));
  const [first] = rows;
  const [groups, others] = new Set(rows.flatMap(({ groups }) => groups ?? []));
  if (others !== undefined) return MIXED;
  if (name === 'matmul' || name === 'gemm') {
    const rank = inputs[0].shape.length;
    const contracted = [attributes.transposeA ? rank - 2 : rank - 1, attributes.transposeB ? rank - 1 : rank - 2];
    const adds = contracted.map((axis, i) => relations[i].kind === 'rows' && relations[i].axis === axis);
    if (adds[0] && adds[1]) return inputs.length === 2 ? ADDEND : MIXED;
    return axis !== undefined && !adds[0] && !adds[1] && relations[2]?.kind !== 'rows' ? { kind: 'rows', axis, groups } : MIXED;
  }
  const along = (axis: number) => axis === first.axis;
  const reduces = REDUCTIONS.includes(name) && (attributes.axes as readonly number[]).some(along);
  if (reduces) return name === 'max' ? MIXED : ADDEND;
  if (name === 'slice' && along(attributes.axis as number)) return relationOfPieces(pair, first);
  if (axis === undefined) return MIXED;
  const kept: Relation = { kind: 'rows', axis, groups };
  const rank = outputs[0].shape.length;
  const aligned = rows.every(row => row.axis + rank - row.shape.length === axis);
  if (ELEMENTWISE.includes(name) || name === 'broadcastTo') return aligned ? kept : MIXED;
  if (LAST_AXIS.includes(name)) return along(rank - 1) ? MIXED : kept;
  if (name === 'attention') return aligned && axis < rank - 2 ? kept : MIXED;
  if (name === 'transpose' || name === 'oneHot' || REDUCTIONS.includes(name)) return kept;
  if (['slice', 'pad', 'split', 'argmax'].includes(name)) return along(attributes.axis as number) ? MIXED : kept;
  if (name === 'concat') return aligned && rows.length === inputs.length && !along(attributes.axis as number) ? kept : MIXED;
  if (name !== 'reshape') return MIXED;
  const pieces = groups && (sizeBefore(first.shape, first.axis) * groups) / sizeBefore(outputs[0].shape, axis);
  return pieces === undefined || Number.isInteger(pieces) ? { ...kept, groups: pieces } : MIXED;
}

/** Relation of a node's outputs if some of its inputs are addends and the others are the same for all parts. */
function relationOfAddends({ part: { op, outputs } }: Pair, relations: readonly Relation[]): Relation {
  if (outputs.some(({ dtype }) => dtype !== 'float32')) return MIXED;
  const addend = relations.map(({ kind }) => kind === 'addend');
  const one = addend.filter(Boolean).length === 1;
  if (LINEAR.includes(op.name) || ['add', 'sub', 'concat'].includes(op.name)) return ADDEND;
  if (op.name === 'select') return addend[0] ? MIXED : ADDEND;
  if (op.name === 'div') return addend[1] ? MIXED : ADDEND;
  return one && (op.name === 'mul' || (['matmul', 'gemm'].includes(op.name) && relations.length === 2)) ? ADDEND : MIXED;
}

/** Relation of a node's outputs, given those of its inputs. */
function relationOf(pair: Pair, relations: readonly Relation[], parts: number): Relation {
  const { whole, part } = pair;
  const { op, attributes } = part;
  const kinds = new Set(relations.map(({ kind }) => kind));
  if (kinds.has('mixed') || (kinds.has('rows') && kinds.has('addend'))) return MIXED;
  const [first] = relations;
  const cutsRows = op.name === 'slice' && first.kind === 'rows' && first.axis === attributes.axis;
  if (!SHAPED.includes(op.name) && !cutsRows && JSON.stringify(attributes) !== JSON.stringify(whole.attributes)) return MIXED;
  const [axis, ...axes] = part.outputs.map(({ shape }, i) => rowAxis(whole.outputs[i].shape, shape, parts));
  const common = axes.every(other => other === axis) ? axis : undefined;
  if (kinds.has('rows')) return relationOfRows(pair, relations, common);
  const fixed = part.outputs.every(({ shape }, i) => sameShape(shape, whole.outputs[i].shape));
  if (kinds.has('addend')) return fixed ? relationOfAddends(pair, relations) : MIXED;
  if (fixed) return SAME;
  if (common === undefined) return MIXED;
  if (op.name === 'input') return common === 0 ? { kind: 'rows', axis: 0, groups: 1 } : MIXED;
  const uniform = op.name === 'broadcastTo' || (op.name === 'constant' && isUniform(whole.attributes.data as ArrayLike<number>));
  return uniform ? { kind: 'rows', axis: common, groups: undefined } : MIXED;
}

const isUniform = (data: ArrayLike<number>) => Array.prototype.every.call(data, (v: number) => v === data[0]);

/** The nodes of both graphs in pairs; undefined if the graphs differ in more than shapes and numbers. */
function pairsOf(whole: Graph, part: Graph): Pair[] | undefined {
  const [wholes, parts] = [nodesOf(whole), nodesOf(part)];
  const [places, others] = [wholes, parts].map(nodes => new Map(nodes.map((node, i) => [node, i])));
  const alike = (a: Node, b: Node) =>
    a.op.name === b.op.name &&
    a.attributes.name === b.attributes.name &&
    a.inputs.length === b.inputs.length &&
    a.inputs.every(({ node, index }, i) => places.get(node) === others.get(b.inputs[i].node) && index === b.inputs[i].index);
  if (wholes.length !== parts.length || !wholes.every((node, i) => alike(node, parts[i]))) return undefined;
  return wholes.map((node, i) => ({ whole: node, part: parts[i] }));
}

/**
 * Splits a graph over the rows of its batch.
 *
 * @param whole the graph, built for the whole batch.
 * @param part the same graph, built for a batch of 1 / `parts` of the rows.
 * @param learned names of the inputs that are parameters. Only values that do not depend on them can become totals, because no gradient
 * flows through an input.
 * @example
 * const loss = (rows: number) => {
 *   const [x, w] = [input('x', [rows]), input('w', [rows])];
 *   return { outputs: { loss: div(sum(mul(square(sub(x, input('a', []))), w)), maximum(sum(w), 1e-6)) } };
 * };
 * splitRows(loss(8), loss(4), 2, new Set(['a'])); // Σ w of the whole batch is an input of the part
 */
export function splitRows(whole: Graph, part: Graph, parts: number, learned: ReadonlySet<string>): RowSplit {
  const pairs = pairsOf(whole, part);
  const names = Object.keys(part.outputs);
  const totals: Record<string, Tensor> = {};
  if (!pairs) return { part: { outputs: {} }, totals: { outputs: totals }, rows: new Set(), joined: new Set(), mixed: names };
  const rows = new Set<string>();
  /** The new value, its relation, and the value of the whole batch, for every tensor of `part`. */
  const values = new Map<Tensor, { readonly tensor: Tensor; readonly relation: Relation; readonly whole: Tensor }>();
  const trained = new Set<Node>();
  const known = new Map<Tensor, Tensor>();
  const scaled = (tensor: Tensor) => mul(tensor, 1 / parts);

  /** The value as one that is the same for all parts, if it can be computed from the whole batch before any part runs. */
  const totalOf = (of: Tensor) => {
    const value = values.get(of)!;
    if (value.relation.kind !== 'addend' || trained.has(of.node)) return value;
    const name = `total.${known.size}`;
    const tensor = known.get(of) ?? input(name, of.shape, of.dtype);
    if (!known.has(of)) totals[name] = value.whole;
    known.set(of, tensor);
    return { ...value, tensor, relation: SAME };
  };

  for (const pair of pairs) {
    const { part: node, whole } = pair;
    const { name } = node.op;
    if (learned.has(node.attributes.name as string) || node.inputs.some(({ node }) => trained.has(node))) trained.add(node);
    let inputs = node.inputs.map(tensor => values.get(tensor)!);
    const relate = () =>
      relationOf(
        pair,
        inputs.map(({ relation }) => relation),
        parts,
      );
    let relation = relate();
    if (relation.kind === 'mixed') {
      inputs = node.inputs.map(totalOf);
      relation = relate();
    }
    if (name === 'input' && relation.kind === 'rows') rows.add(node.attributes.name as string);
    // A constant that is the same for all parts can depend on the number of rows: then that of the whole batch counts.
    let outputs = name === 'constant' && relation.kind === 'same' ? whole.outputs : node.outputs;
    if (inputs.length > 0) {
      const spreads = relation.kind === 'addend' && ['add', 'sub', 'concat', 'select'].includes(name);
      const operands = inputs.map(({ tensor, relation: { kind } }) =>
        spreads && kind === 'same' && tensor.dtype === 'float32' ? scaled(tensor) : tensor,
      );
      outputs = operands.every((tensor, i) => tensor === node.inputs[i]) ? node.outputs : apply(node.op, operands, node.attributes);
      const [of] = inputs;
      if (name === 'mean' && of.relation.kind === 'rows' && relation.kind === 'addend') outputs = [scaled(outputs[0])];
    }
    for (const [i, tensor] of node.outputs.entries()) values.set(tensor, { tensor: outputs[i], relation, whole: whole.outputs[i] });
  }

  const outputs: Record<string, Tensor> = {};
  const joined = new Set<string>();
  for (const [name, of] of Object.entries(part.outputs)) {
    const { tensor, relation } = values.get(of)!;
    if (relation.kind === 'rows' && relation.axis === 0 && relation.groups === 1) {
      outputs[name] = tensor;
      joined.add(name);
    }
    if (relation.kind === 'addend') outputs[name] = tensor;
    if (relation.kind === 'same') outputs[name] = scaled(tensor);
  }
  const read = inputsOf({ outputs });
  const needed = Object.fromEntries(Object.entries(totals).filter(([name]) => read.has(name)));
  return { part: { outputs }, totals: { outputs: needed }, rows, joined, mixed: names.filter(name => !(name in outputs)) };
}
