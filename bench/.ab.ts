const roots = { old: '/tmp/old', new: '/work/main', ...(process.env.EXTRA ? { extra: process.env.EXTRA } : {}) };
const which = process.argv[2] ?? 'ref', threads = Number(process.argv[3] ?? 0) || undefined, reps = Number(process.argv[4] ?? 8);
const T: [string, any, number[]][] = []; let prod: any, pt: number[] = [];
for (const [k, root] of Object.entries(roots)) {
  const { nodeExecutor } = await import(`${root}/src/engine/executors/node.ts`);
  const tr = await import(`${root}/bench/training.ts`);
  const { REFERENCE } = await import(`${root}/bench/reference-model.ts`);
  const size = which === 'small' ? { ...REFERENCE, width: 64, hidden: 256, tokens: 200, batch: 64 } : REFERENCE;
  T.push([k, await tr.prepareTraining(nodeExecutor({ threads }), size), []]);
  prod ??= await tr.prepareProduct(nodeExecutor({ threads }));
}
const med = (v: number[]) => v.toSorted((a, b) => a - b)[v.length >> 1];
for (let i = -2; i < reps; i++) {
  for (const [, t, ms] of T) { const r = await t.step(); if (i >= 0) ms.push(r.ms); }
  for (let j = 0; j < 4; j++) { const m = await prod.run(); if (i >= 0) pt.push(m); }
}
const pr = (f: (v: number[]) => number) => prod.flops / f(pt) / 1e6;
for (const [k, t, ms] of T) console.log(which, threads, k, 'median', med(ms).toFixed(0), 'min', Math.min(...ms).toFixed(0), 'ratio(med)', (t.flops / med(ms) / 1e6 / pr(med)).toFixed(3), 'ratio(min)', (t.flops / Math.min(...ms) / 1e6 / pr(v => Math.min(...v))).toFixed(3), 'gemm', pr(med).toFixed(0), t.flops / 1e9);
