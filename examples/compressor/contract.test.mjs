// The contract of compressors: as many latents as announced, which depend on every token, with gradients to all parameters.
import { test } from 'node:test';
import { compressor, importModules } from 'cadenza';
import { compressorChecks } from 'cadenza/testing';

await importModules(['./gated-pool.ts']);
for (const { name, run } of compressorChecks(compressor('gated-pool'), { compression: { sharpness: 2 } })) test(name, run);
