/**
 * @file SHA-256 (FIPS 180-4) in plain JavaScript: `crypto.subtle` is missing on pages served over plain HTTP, and Node's module is missing
 * in all pages. Node code uses the faster `sha256` of files.ts, which gives the same result.
 */

/** The first 32 bits of the fractional parts of the n-th roots of the first primes. */
function constants(count: number, root: (prime: number) => number): Uint32Array {
  const primes: number[] = [];
  for (let n = 2; primes.length < count; n++) if (primes.every(prime => n % prime !== 0)) primes.push(n);
  return Uint32Array.from(primes, prime => Math.floor((root(prime) % 1) * 2 ** 32));
}
const ROUND = Int32Array.from(constants(64, Math.cbrt));
const INITIAL = Int32Array.from(constants(8, Math.sqrt));

const BLOCK = 64;

/** SHA-256 in hexadecimal; text is hashed as UTF-8. */
export function portableSha256(data: Uint8Array | string): string {
  const bytes = typeof data === 'string' ? new TextEncoder().encode(data) : data;
  const state = Int32Array.from(INITIAL);
  const whole = bytes.length - (bytes.length % BLOCK);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at < whole; at += BLOCK) compress(state, view, at);
  // The remaining bytes, a 1 bit, zeros, and the length in bits.
  const left = bytes.subarray(whole);
  const tail = new DataView(new ArrayBuffer(left.length + 9 > BLOCK ? 2 * BLOCK : BLOCK));
  new Uint8Array(tail.buffer).set(left);
  tail.setUint8(left.length, 0x80);
  tail.setBigUint64(tail.byteLength - 8, BigInt(bytes.length) * 8n);
  for (let at = 0; at < tail.byteLength; at += BLOCK) compress(state, tail, at);
  return Array.from(state, word => (word >>> 0).toString(16).padStart(8, '0')).join('');
}

// Signed, as the operators return them: unsigned values would be boxed.
const words = new Int32Array(64);
const turned = (x: number, n: number) => (x >>> n) | (x << (32 - n));

function compress(state: Int32Array, view: DataView, at: number): void {
  for (let i = 0; i < 16; i++) words[i] = view.getInt32(at + 4 * i);
  for (let i = 16; i < 64; i++) {
    const w15 = words[i - 15];
    const w2 = words[i - 2];
    const s0 = turned(w15, 7) ^ turned(w15, 18) ^ (w15 >>> 3);
    const s1 = turned(w2, 17) ^ turned(w2, 19) ^ (w2 >>> 10);
    words[i] = (words[i - 16] + s0 + words[i - 7] + s1) | 0;
  }
  let [a, b, c, d, e, f, g, h] = state;
  for (let i = 0; i < 64; i++) {
    const s1 = turned(e, 6) ^ turned(e, 11) ^ turned(e, 25);
    const t1 = (h + s1 + ((e & f) ^ (~e & g)) + ROUND[i] + words[i]) | 0;
    const s0 = turned(a, 2) ^ turned(a, 13) ^ turned(a, 22);
    const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g;
    g = f;
    f = e;
    e = (d + t1) | 0;
    d = c;
    c = b;
    b = a;
    a = (t1 + t2) | 0;
  }
  for (const [i, word] of [a, b, c, d, e, f, g, h].entries()) state[i] += word;
}
