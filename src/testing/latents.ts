/** @file The contract of kinds of latents. Shape key: B batch, M latents, D width, G groups of a latent. */

import type { LatentKind, LatentSettings } from '../compressor/index.ts';
import { grad, input, inputsOf, interpret, mul, sizeOf, square, sum, type Tensor } from '../engine/index.ts';
import { initialize, Scope } from '../nn/index.ts';
import { Random } from '../util/random.ts';
import { type Check, checksOf, expectClose, expectEqual, expectFinite, expectThat, normals, type Rule } from './check.ts';

const [B, M, D] = [3, 4, 6];
const SMALL: LatentSettings = { groups: 2, levels: [4, 3], codes: 7, codeWidth: 3, decay: 0.9, commitment: 0.25, revive: 0.1 };

interface Subject {
  readonly kind: LatentKind;
  readonly settings: LatentSettings;
}

/** The kind applied to an input `z`, with numbers for everything that it declares. */
function build({ kind, settings }: Subject) {
  const scope = new Scope();
  const z = input('z', [B, M, D]);
  const latents = kind.apply(scope, z, settings);
  const random = Random.seeded(3);
  const declared = initialize([...scope.table.values(), ...scope.buffers.values()], random);
  const numbers: Record<string, ArrayLike<number>> = { z: normals(B * M * D, Random.seeded(1)), ...Object.fromEntries(declared) };
  for (const { name, tensor, draw } of scope.randoms.values())
    numbers[name] = Float32Array.from({ length: sizeOf(tensor.shape) }, () => draw(random));
  const evaluate = (outputs: Record<string, Tensor>, more = {}) => interpret({ outputs }, { ...numbers, ...more });
  return { scope, z, latents, evaluate };
}

const discrete = ({ kind }: Subject) => kind.discrete !== undefined;

const RULES: readonly Rule<Subject>[] = [
  {
    name: 'shape: it is preserved, and latents are finite',
    check(subject) {
      const { latents, z, evaluate } = build(subject);
      const { trained, settled } = latents;
      expectEqual(trained.shape, z.shape, 'shape of trained');
      expectEqual(settled.shape, z.shape, 'shape of settled');
      for (const [name, values] of Object.entries(evaluate({ trained, settled }))) expectFinite(values, name);
    },
  },
  {
    name: 'noise: settled latents depend on no random input',
    check(subject) {
      const { scope, latents } = build(subject);
      const read = [...inputsOf({ outputs: { settled: latents.settled } }).keys()];
      expectEqual(
        read.filter(name => scope.randoms.has(name)),
        [],
        'random inputs of settled',
      );
    },
  },
  {
    name: 'gradients: they reach the compressor and every parameter',
    check(subject) {
      const { scope, z, latents, evaluate } = build(subject);
      const { trained, capacity } = latents;
      // Times R(Z), so that parameters that only affect it are reached, too.
      const loss = capacity ? sum(mul(trained, capacity)) : sum(square(trained));
      const reached = [{ name: 'z', tensor: z }, ...scope.table.values()];
      const gradients = grad(
        loss,
        reached.map(({ tensor }) => tensor),
      );
      for (const [name, values] of Object.entries(evaluate(Object.fromEntries(reached.map(({ name }, i) => [name, gradients[i]]))))) {
        const most = values.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
        expectThat(most > 1e-9, `gradient of ${name}`, 'a nonzero number', most);
      }
    },
  },
  {
    name: 'codes: they exist exactly if the kind is discrete, one of the alphabet for each group',
    check(subject) {
      const { kind, settings } = subject;
      const { latents, evaluate } = build(subject);
      expectEqual(latents.codes !== undefined, kind.discrete !== undefined, 'whether there are codes');
      if (!latents.codes || !kind.discrete) return;
      const { groups, size } = kind.discrete.alphabet(settings);
      expectEqual([latents.codes.dtype, ...latents.codes.shape], ['int32', B, M, groups], 'type and shape of the codes');
      const { codes } = evaluate({ codes: latents.codes });
      for (const [i, code] of codes.entries())
        expectThat(Number.isInteger(code) && code >= 0 && code < size, `code ${i}`, `an integer in [0, ${size})`, code);
    },
  },
  {
    name: 'decode: codes decode to the settled latents',
    applies: discrete,
    check(subject) {
      const { kind, settings } = subject;
      const { scope, latents, evaluate } = build(subject);
      expectThat(latents.codes !== undefined, 'codes', 'a tensor', latents.codes);
      const { settled, codes } = evaluate({ settled: latents.settled, codes: latents.codes });
      const decoded = kind.discrete!.decode(scope, input('codes', latents.codes.shape, 'int32'), settings, D);
      expectClose(evaluate({ decoded }, { codes }).decoded, settled, 'decoded latents', 1e-9);
    },
  },
];

/**
 * The contract of kinds of latents, checked in the interpreter.
 *
 * @param settings small ones by default.
 * @example
 * import { test } from 'node:test';
 * for (const { name, run } of latentChecks(latentKind('my-codes'))) test(name, run);
 */
export const latentChecks = (kind: LatentKind, settings: Partial<LatentSettings> = {}): Check[] =>
  checksOf(RULES, { kind, settings: { ...SMALL, ...settings } });
