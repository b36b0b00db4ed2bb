import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    // What the command line prints is compared as plain text, wherever the tests run.
    env: { NO_COLOR: '1' },
    testTimeout: 120_000,
    // ONNX Runtime already uses every core inside one process.
    maxWorkers: 2,
    pool: 'forks',
  },
});
