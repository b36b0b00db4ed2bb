import { expect, it } from 'vitest';
import { TransitionLog } from './memory.ts';

it('keeps no more of a long life than its context can hold', () => {
  const log = new TransitionLog(1, 1);
  const [observation, reward] = [Float32Array.of(0), Float32Array.of(1)];
  const step = {
    observation,
    nextObservation: observation,
    action: Int32Array.of(0),
    reward,
    terminated: Uint8Array.of(0),
    truncated: Uint8Array.of(0),
  };
  // The context of a recurrent compressor is the last segment.
  const shape = { segment: 4, contextTransitions: 4, contextLayout: 'segments' } as const;
  let most = 0;
  for (let call = 1; call <= 10_000; call++) {
    log.push(step, 0);
    if (call % 4 === 0) log.endSegment(shape);
    most = Math.max(most, log.length, log.starts.length);
  }
  expect(most).toBeLessThanOrEqual(8);
});
