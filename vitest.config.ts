import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** These take longest. What begins last runs alone at the end, and vitest knows times only of earlier runs in the same checkout. */
const LONGEST = ['package', 'docs', 'web/playground'].map(name => `test/${name}.test.ts`);

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]) {
    const isLong = ({ moduleId }: TestSpecification) => LONGEST.some(name => moduleId.endsWith(name));
    const sorted = await super.sort(files);
    return [...sorted.filter(isLong), ...sorted.filter(file => !isLong(file))];
  }
}

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    // What the command line prints is compared as plain text, wherever the tests run.
    env: { NO_COLOR: '1' },
    testTimeout: 120_000,
    // Milliseconds until a page must show what a test expects: another test may run at the same time.
    expect: { poll: { timeout: 20_000 } },
    // ONNX Runtime already uses every core inside one process.
    maxWorkers: 2,
    pool: 'forks',
    sequence: { sequencer: LongestFirst },
  },
});
