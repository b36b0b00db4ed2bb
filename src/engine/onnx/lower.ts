/** @file Encodes a graph as an ONNX model. */

import OnnxProto, { type onnx as Proto } from 'onnx-proto';
import { invariant } from '../../util/errors.ts';
import { type Graph, inputsOf, nodesOf } from '../graph.ts';
import { ONNX_TYPE } from '../ops/structure.ts';
import type { LoweringContext, OnnxAttribute, Tensor, TensorType } from '../tensor.ts';

const { onnx } = OnnxProto;
const IR_VERSION = 8;
const OPSET = 17;
const INT64 = 7;

function attribute(name: string, value: OnnxAttribute): Proto.IAttributeProto {
  const { FLOAT, INT, INTS, STRING } = onnx.AttributeProto.AttributeType;
  if (typeof value === 'number') return { name, type: INT, i: value };
  if (typeof value === 'string') return { name, type: STRING, s: new TextEncoder().encode(value) };
  return 'float' in value ? { name, type: FLOAT, f: value.float } : { name, type: INTS, ints: [...value] };
}

const bytes = (view: ArrayBufferView) => new Uint8Array(view.buffer, view.byteOffset, view.byteLength);

function rawData(data: ArrayLike<number>, dtype: TensorType['dtype']): Uint8Array {
  if (dtype === 'float32') return bytes(Float32Array.from(data));
  return dtype === 'int32' ? bytes(Int32Array.from(data)) : Uint8Array.from(data);
}

const valueInfo = (name: string, { shape, dtype }: TensorType): Proto.IValueInfoProto => ({
  name,
  type: { tensorType: { elemType: ONNX_TYPE[dtype], shape: { dim: shape.map(dimValue => ({ dimValue })) } } },
});

/**
 * Encodes the graph as the bytes of an ONNX model. Inputs and outputs keep their names. With `standard` the model uses only ai.onnx ops;
 * otherwise matrix products may use ONNX Runtime's fused kernel.
 *
 * @throws {CadenzaError} `E_SHAPE` if an input and an output have the same name.
 * @example const bytes = toOnnx({ outputs: { y: linear(input('x', [1, 4]), input('w', [4, 2])) } }, { standard: true });
 */
export function toOnnx(graph: Graph, { standard = false } = {}): Uint8Array {
  const nodes: Proto.INodeProto[] = [];
  const initializers: Proto.ITensorProto[] = [];
  const names = new Map<Tensor, string>();
  const constants = new Map<string, string>();
  let count = 0;
  let contrib = false;

  const inputs = inputsOf(graph);
  const reserved = new Set([...inputs.keys(), ...Object.keys(graph.outputs)]);
  invariant(reserved.size === inputs.size + Object.keys(graph.outputs).length, 'an input and an output of one graph have the same name.');
  const fresh = (hint: string): string => {
    const name = `${hint}_${count++}`;
    return reserved.has(name) ? fresh(hint) : name;
  };
  const initializer = (hint: string, key: string, dataType: number, dims: readonly number[], data: () => Uint8Array): string => {
    let name = constants.get(key);
    if (name === undefined) {
      name = fresh(hint);
      constants.set(key, name);
      initializers.push({ name, dataType, dims: [...dims], rawData: data() });
    }
    return name;
  };
  const context: LoweringContext = {
    standard,
    fresh,
    name: tensor => names.get(tensor)!,
    int64: values =>
      initializer('int64', `i${values.join()}`, INT64, [values.length], () => bytes(BigInt64Array.from(values, v => BigInt(v)))),
    float32: (values, shape) =>
      initializer('float32', `f${values.join()}|${shape.join()}`, ONNX_TYPE.float32, shape, () => rawData(values, 'float32')),
    emit: (opType, inputs, outputs, attributes = {}, domain = '') => {
      contrib ||= domain !== '';
      const attributeList = Object.entries(attributes).map(([name, value]) => attribute(name, value));
      nodes.push({ name: fresh(opType), opType, domain, input: [...inputs], output: [...outputs], attribute: attributeList });
    },
  };

  const outputNames = new Map<Tensor, string>();
  for (const [name, tensor] of Object.entries(graph.outputs)) if (tensor.node.inputs.length > 0) outputNames.set(tensor, name);
  for (const node of nodesOf(graph)) {
    for (const output of node.outputs) {
      const leaf = node.op.name === 'input' ? (node.attributes.name as string) : undefined;
      names.set(output, leaf ?? outputNames.get(output) ?? fresh(node.op.name));
    }
    if (node.op.name === 'constant') {
      const { shape, dtype } = node.outputs[0];
      const name = names.get(node.outputs[0])!;
      initializers.push({
        name,
        dataType: ONNX_TYPE[dtype],
        dims: [...shape],
        rawData: rawData(node.attributes.data as ArrayLike<number>, dtype),
      });
    } else node.op.lower(context, node);
  }
  // An output may be an input or a constant, or have two names: an Identity node gives each output a value of its own.
  for (const [name, tensor] of Object.entries(graph.outputs))
    if (context.name(tensor) !== name) context.emit('Identity', [context.name(tensor)], [name]);

  const model = onnx.ModelProto.create({
    irVersion: IR_VERSION,
    producerName: 'cadenza',
    opsetImport: [{ domain: '', version: OPSET }, ...(contrib ? [{ domain: 'com.microsoft', version: 1 }] : [])],
    graph: {
      name: 'cadenza',
      node: nodes,
      initializer: initializers,
      input: [...inputs].map(([name, tensor]) => valueInfo(name, tensor)),
      output: Object.entries(graph.outputs).map(([name, tensor]) => valueInfo(name, tensor)),
    },
  });
  return onnx.ModelProto.encode(model).finish();
}
