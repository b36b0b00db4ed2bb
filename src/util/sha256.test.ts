import { describe, expect, it } from 'vitest';
import { sha256 } from './files.ts';
import { Random } from './random.ts';
import { portableSha256 } from './sha256.ts';

describe('portableSha256', () => {
  it('gives what FIPS 180-4 gives', () => {
    expect(portableSha256('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
    expect(portableSha256('')).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
  });

  it('gives what the platform gives, for every length around a block', () => {
    const random = Random.seeded(1);
    const bytes = Uint8Array.from({ length: 100_000 }, () => random.integer(256));
    for (const length of [...Array(200).keys(), bytes.length]) {
      const part = bytes.subarray(7, 7 + length);
      expect(portableSha256(part)).toBe(sha256(part));
    }
    expect(portableSha256('Gedächtnis 🧠')).toBe(sha256('Gedächtnis 🧠'));
  });
});
