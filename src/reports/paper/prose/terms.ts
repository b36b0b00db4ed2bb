/** @file The terms of losses: symbols of their weights and of themselves. */

const raw = String.raw;

export interface TermProse {
  /** Symbol of the weight. */
  readonly symbol: string;
  readonly loss: string;
}

export const TASK = raw`\ell_\mathrm{task}`;
export const KL = raw`\ell_\mathrm{KL}`;
export const RETURNS = raw`\ell_\mathrm{ret}`;
export const RECONSTRUCTION = raw`\mathcal{L}_\mathrm{rec}`;

export const TERMS: Readonly<Record<string, TermProse>> = {
  task: { symbol: raw`\alpha`, loss: TASK },
  kl: { symbol: raw`\beta`, loss: KL },
  returns: { symbol: raw`\omega`, loss: RETURNS },
  reconstruction: { symbol: raw`\gamma`, loss: RECONSTRUCTION },
  capacity: { symbol: raw`\lambda_\mathrm{cap}`, loss: 'R(Z)' },
  variance: { symbol: raw`w_\mathrm{var}`, loss: raw`\mathcal{L}_\mathrm{var}` },
};
