import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    testTimeout: 120_000,
    // ONNX Runtime already uses every core inside one process.
    maxWorkers: 2,
    pool: 'forks',
  },
});
