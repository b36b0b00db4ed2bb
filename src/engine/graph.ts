/** @file A graph: named outputs and everything they depend on. Also the verifier, the printer and the operation count. */

import { CadenzaError, invariant } from '../util/errors.ts';
import { type Attributes, apply, formatType, type Node, sameShape, sizeOf, type Tensor, type TensorType } from './tensor.ts';

/** A computation: its named outputs and, through them, every node that they depend on. */
export interface Graph {
  /** The tensors to compute, by name. */
  readonly outputs: Readonly<Record<string, Tensor>>;
}

/**
 * All nodes that the tensors depend on, each after its inputs.
 *
 * @param since leaves out nodes with a smaller serial, and what only they depend on.
 */
export function topological(tensors: Iterable<Tensor>, since = 0): Node[] {
  const order: Node[] = [];
  const seen = new Set<Node>();
  // Uses an explicit stack: training graphs are thousands of nodes deep.
  const stack: { node: Node; next: number }[] = [];
  const visit = (node: Node) => {
    if (seen.has(node) || node.serial < since) return;
    seen.add(node);
    stack.push({ node, next: 0 });
  };
  for (const tensor of tensors) {
    visit(tensor.node);
    while (stack.length > 0) {
      const top = stack[stack.length - 1];
      if (top.next < top.node.inputs.length) visit(top.node.inputs[top.next++].node);
      else {
        order.push(top.node);
        stack.pop();
      }
    }
  }
  return order;
}

/** All nodes of a graph, each after its inputs. */
export const nodesOf = (graph: Graph): Node[] => topological(Object.values(graph.outputs));

/**
 * The graph's inputs by name.
 *
 * @throws {CadenzaError} `E_SHAPE` if two different inputs share a name.
 */
export function inputsOf(graph: Graph): Map<string, Tensor> {
  const inputs = new Map<string, Tensor>();
  for (const node of nodesOf(graph)) {
    if (node.op.name !== 'input') continue;
    const name = node.attributes.name as string;
    invariant(!inputs.has(name), `two inputs of one graph have the name "${name}".`);
    inputs.set(name, node.outputs[0]);
  }
  return inputs;
}

/** Rebuilds the graph bottom-up. `replace` may return new outputs for a node, given its rebuilt inputs. */
export function rewrite(graph: Graph, replace: (node: Node, inputs: readonly Tensor[]) => readonly Tensor[] | undefined): Graph {
  const rebuilt = new Map<Node, readonly Tensor[]>();
  const translate = (tensor: Tensor) => rebuilt.get(tensor.node)![tensor.index];
  for (const node of nodesOf(graph)) {
    const inputs = node.inputs.map(translate);
    const same = inputs.every((tensor, i) => tensor === node.inputs[i]);
    rebuilt.set(node, replace(node, inputs) ?? (same ? node.outputs : apply(node.op, inputs, node.attributes)));
  }
  return { outputs: Object.fromEntries(Object.entries(graph.outputs).map(([name, tensor]) => [name, translate(tensor)])) };
}

/**
 * Checks that every node's outputs match what its op infers from its inputs, and that input names are unique.
 *
 * @param stage the pass that produced the graph, for errors.
 * @throws {CadenzaError} `E_SHAPE` otherwise.
 */
export function verify(graph: Graph, stage: string): void {
  inputsOf(graph);
  for (const node of nodesOf(graph)) {
    const inferred = node.op.infer(node.inputs, node.attributes);
    const sound = inferred.length === node.outputs.length && inferred.every((type, i) => sameType(type, node.outputs[i]));
    if (!sound)
      throw new CadenzaError(
        'E_SHAPE',
        `after ${stage}, ${node.op.name} gives ${node.outputs.map(formatType).join(', ')} where ${inferred.map(formatType).join(', ')} was inferred. This is a bug in that pass.`,
      );
  }
}

const sameType = (a: TensorType, b: TensorType) => a.dtype === b.dtype && sameShape(a.shape, b.shape);

function formatAttribute(value: unknown): string {
  const list = ArrayBuffer.isView(value) ? Array.from(value as Float32Array) : value;
  return Array.isArray(list) && list.length > 8 ? `<${list.length} numbers>` : JSON.stringify(list);
}

/** The attributes of a node as text: `transposeA=false alpha=1`. */
export function formatAttributes(attributes: Attributes): string {
  return Object.entries(attributes)
    .filter(([key]) => key !== 'shape' && key !== 'dtype')
    .map(([key, value]) => `${key}=${formatAttribute(value)}`)
    .join(' ');
}

/**
 * Prints a graph, one line per value: `%3 : float32[8, 64] = gemm(%1, %2) transposeA=false …`.
 *
 * @example const lines = print({ outputs: { y: add(input('x', [2]), 1) } }).split('\n');
 */
export function print(graph: Graph): string {
  const names = new Map<Tensor, string>();
  const lines: string[] = [];
  for (const node of nodesOf(graph)) {
    const results = node.outputs.map(output => {
      names.set(output, `%${names.size}`);
      return `${names.get(output)} : ${formatType(output)}`;
    });
    const operands = node.inputs.map(tensor => names.get(tensor)).join(', ');
    lines.push(`${results.join(', ')} = ${node.op.name}(${operands}) ${formatAttributes(node.attributes)}`.trimEnd());
  }
  for (const [name, tensor] of Object.entries(graph.outputs)) lines.push(`return ${name} = ${names.get(tensor)}`);
  return lines.join('\n');
}

/** Floating-point operations of one run, and the share of matrix products among them, which sets a lower bound on the time. */
export function countFlops(graph: Graph): { total: number; products: number } {
  let [total, products] = [0, 0];
  for (const node of nodesOf(graph)) {
    const flops = node.op.flops(node);
    total += flops;
    if (['gemm', 'matmul', 'attention'].includes(node.op.name)) products += flops;
  }
  return { total, products };
}

/** Bytes of a value of this type. */
export const bytesOf = (type: TensorType): number => sizeOf(type.shape) * (type.dtype === 'bool' ? 1 : 4);
