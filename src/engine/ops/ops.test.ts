/**
 * @file Every op: gradients by finite differences in float64, then every kernel against the interpreter.
 */

import OnnxProto from 'onnx-proto';
import { describe, expect, it } from 'vitest';
import { everything, floats, opCases } from '../../../test/helpers/op-cases.ts';
import { compareWithInterpreter, jacobianError, pullback } from '../../testing/engine.ts';
import { Random } from '../../util/random.ts';
import type { Executor } from '../executors/executor.ts';
import { nodeExecutor } from '../executors/node.ts';
import { webExecutor } from '../executors/web.ts';
import { grad } from '../grad.ts';
import { toOnnx } from '../onnx/lower.ts';
import { interpret } from '../reference.ts';
import { sizeOf } from '../tensor.ts';
import * as engine from './index.ts';
import { OPS } from './index.ts';

/** Ops whose outputs are float32 and yet carry no gradient. */
const FLAT: readonly string[] = ['stopGradient', 'cast', 'sign', 'round', 'step', 'constant', 'oneHot'];

describe('gradients', () => {
  const differentiable = opCases.filter(({ op }) => OPS[op].gradient !== 'none');

  it.each(differentiable)('$title', ({ inputs, outputs, numbers }) => {
    for (const y of floats(outputs)) expect(jacobianError(y, floats(inputs), numbers)).toBeLessThan(1e-7);
  });

  it.each(differentiable)('of the gradient: $title', ({ inputs, outputs, numbers }) => {
    // Gradients are expressions like any other: their own Jacobian must hold as well, through every output of every op.
    const random = Random.seeded(3);
    let scalar = engine.constant(0);
    for (const y of floats(outputs)) {
      const weights = engine.constant(
        Array.from({ length: sizeOf(y.shape) }, () => random.uniform()),
        y.shape,
      );
      scalar = engine.add(scalar, engine.sum(engine.mul(engine.mul(y, y), weights)));
    }
    const gradients = grad(scalar, floats(inputs));
    const all = gradients.length
      ? engine.concat(
          gradients.map(g => engine.reshape(g, [-1])),
          0,
        )
      : undefined;
    if (all) expect(jacobianError(all, floats(inputs), numbers)).toBeLessThan(1e-6);
  });

  it('are zero where none is defined', () => {
    for (const { op, inputs, outputs, numbers } of opCases) {
      if (OPS[op].gradient !== 'none' || op === 'input') continue;
      for (const y of floats(outputs)) {
        const feeds = { ...numbers, upstream: new Float64Array(sizeOf(y.shape)).fill(1) };
        expect(FLAT).toContain(op);
        for (const gradient of Object.values(interpret(pullback(y, floats(inputs)), feeds)))
          expect(gradient.every(v => v === 0)).toBe(true);
      }
    }
  });
});

describe('kernels agree with the interpreter', () => {
  const { graph, numbers } = everything();
  const executors: [string, () => Executor, { standard: boolean }][] = [
    ['onnxruntime-node', () => nodeExecutor({ threads: 1 }), { standard: false }],
    ['onnxruntime-node, standard ops', () => nodeExecutor({ threads: 1 }), { standard: true }],
    ['onnxruntime-web', () => webExecutor({ threads: 1 }), { standard: false }],
  ];

  it.each(executors)('%s', async (_, executor, options) => {
    const errors = Object.entries(await compareWithInterpreter(executor(), graph, numbers, options));
    expect(errors.length).toBeGreaterThan(200);
    expect(errors.filter(([, error]) => !(error < 2e-5))).toEqual([]);
  });

  it('names no operator set but ai.onnx where standard ops are asked for', () => {
    const domains = (standard: boolean) =>
      OnnxProto.onnx.ModelProto.decode(toOnnx(graph, { standard })).opsetImport.map(({ domain }) => domain);
    expect(domains(true)).toEqual(['']);
    expect(domains(false)).toEqual(['', 'com.microsoft']);
  });
});
