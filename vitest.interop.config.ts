import { defineConfig, mergeConfig } from 'vitest/config';
import base from './vitest.config.ts';

// Comparisons with other programs, which need not be here: `npm run test:interop`, and not a part of `npm test`.
export default mergeConfig(
  { ...base, test: { ...base.test, include: [] } },
  defineConfig({ test: { include: ['test/interop/*.interop.ts'], testTimeout: 600_000 } }),
);
