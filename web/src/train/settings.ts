/** @file What a person chooses for a training in the page, and how it is written in the address: `train=latents.8~width.32~…`. */

/** The choices. */
export interface TrainSettings {
  /** Latents m of the context. */
  readonly latents: number;
  readonly compressor: (typeof COMPRESSORS)[number];
  readonly width: number;
  readonly steps: number;
  readonly source: (typeof SOURCES)[number];
  readonly learningRate: number;
  /** Seed of histories, weights and batches. */
  readonly seed: number;
  /** Where it is computed: WebAssembly, or WebGPU. */
  readonly executor: (typeof EXECUTORS)[number];
}

/** Compressors to choose from, the first by default. */
export const COMPRESSORS = ['bottleneck', 'causal', 'recurrent'] as const;
/** Sources to choose from. */
export const SOURCES = ['r-max', 'count-based', 'noise-curriculum'] as const;
export const EXECUTORS = ['wasm', 'webgpu'] as const;
/** Least and most of each number. A width is divided among four heads. */
export const RANGES = {
  latents: [1, 32, 1],
  width: [8, 128, 8],
  steps: [1, 20_000, 1],
  learningRate: [1e-4, 2e-2, 1e-4],
  seed: [0, 2 ** 31, 1],
} as const satisfies Partial<Record<keyof TrainSettings, readonly [least: number, most: number, step: number]>>;

/** Chosen on validation goals of Dark Room (docs/LOG.md). */
export const DEFAULTS: TrainSettings = {
  latents: 8,
  compressor: 'bottleneck',
  width: 32,
  steps: 3000,
  source: 'r-max',
  learningRate: 0.005,
  seed: 0,
  executor: 'wasm',
};

const CHOICES: Partial<Record<keyof TrainSettings, readonly string[]>> = {
  compressor: COMPRESSORS,
  source: SOURCES,
  executor: EXECUTORS,
};

/** A number within its range, at a multiple of its step. */
export function inRange(name: keyof typeof RANGES, value: number): number {
  const [least, most, step] = RANGES[name];
  if (!Number.isFinite(value)) return DEFAULTS[name];
  return Number(Math.min(most, Math.max(least, Math.round(value / step) * step)).toPrecision(10));
}

/** The settings as text, in letters that an address may have. */
export const settingsToText = (settings: TrainSettings): string =>
  Object.entries(settings)
    .map(([name, value]) => `${name}:${value}`)
    .join(',');

/** Reads what `settingsToText` wrote. What is missing or not allowed has its default. */
export function settingsFromText(text: string): TrainSettings {
  const given = new Map(text.split(',').map(part => part.split(':') as [string, string]));
  const read = (name: keyof TrainSettings): unknown => {
    const value = given.get(name);
    if (value === undefined) return DEFAULTS[name];
    if (name in RANGES) return inRange(name as keyof typeof RANGES, Number(value));
    return CHOICES[name]?.includes(value) ? value : DEFAULTS[name];
  };
  return Object.fromEntries(Object.keys(DEFAULTS).map(name => [name, read(name as keyof TrainSettings)])) as unknown as TrainSettings;
}
