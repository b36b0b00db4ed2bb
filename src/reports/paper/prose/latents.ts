/** @file The kinds of latents: names stand for values of the configuration. */

export interface LatentProse {
  /** What becomes of the compressor's output. */
  readonly form: string;
  /** What R(Z) is, where there is one; completes "The capacity penalty is …". */
  readonly capacity?: string;
}

const raw = String.raw;

export const LATENTS: Readonly<Record<string, LatentProse>> = {
  continuous: {
    form: 'The latents are real numbers, used as the compressor gives them.',
    capacity: raw`the mean square of the latents, $R(Z) = \frac{1}{mD} \sum_{j,d} z_{jd}^2$`,
  },
  variational: {
    form: raw`The latents are Gaussian~\cite{alemi2017}: the policy is trained on $Z = \mu + \sigma \odot \epsilon$ with standard normal noise $\epsilon$, where $\mu$ is what the compressor gives and $\log \sigma^2$ a linear map of its normalised output, and acts on $Z = \mu$.`,
    capacity: raw`the Kullback--Leibler divergence from the unit Gaussian for each number, $R(Z) = \frac{1}{2mD} \sum_{j,d} (\mu_{jd}^2 + \sigma_{jd}^2 - \log \sigma_{jd}^2 - 1)$`,
  },
  fsq: {
    form: raw`The latents are discrete, by finite scalar quantisation~\cite{mentzer2024}: a linear map of each normalised latent gives <latents/groups|group> of numbers, which are bounded by a hyperbolic tangent and rounded to <latents/levels> levels in turn, so that each group is one code; another linear map leads back to the width of a latent. Gradients pass straight through the rounding.`,
  },
  vq: {
    form: raw`The latents are discrete, by vector quantisation~\cite{oord2017}: a linear map of each normalised latent gives <latents/groups|group> of <latents/codeWidth|number>, each of which is replaced by the nearest of the <latents/codes|code> of its codebook; another linear map leads back to the width of a latent. Gradients pass straight through the look-up. The codebooks are running averages of what is quantised to each code, with a decay of <latents/decay>; a code that is used less than a fraction of <latents/revive> of the average is made anew from the batch~\cite{dhariwal2020}.`,
    capacity: `the commitment loss, the mean square of the distance between what is quantised and its code, with a weight of at least <latents/commitment>`,
  },
};
