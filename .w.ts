import { constant, input, matmul, toOnnx } from '/work/main/src/engine/index.ts';
import { webExecutor } from '/work/main/src/engine/executors/web.ts';
for (const [provider, threads] of [['wasm', 2], ['webgpu', 2]] as const) {
  try {
    const g = { outputs: { c: matmul(input('a', [512, 512]), input('b', [512, 512]), { transposeB: true }) } };
    const p = await webExecutor({ provider, threads }).compile(toOnnx(g));
    const f = { data: new Float32Array(512 * 512).fill(1), shape: [512, 512], dtype: 'float32' } as const;
    for (let i = 0; i < 5; i++) { const t = performance.now(); const { c } = await p.run({ a: f, b: f }, ['c']); console.log(c.data[5], (2 * 512 ** 3) / (performance.now() - t) / 1e6); }
    await p.dispose();
  } catch (e) { console.log(String(e)); }
}
