/** A custom baseline: the same model with half as many latents. */
import { baselines } from 'cadenza';

baselines.register({
  id: 'half',
  description: 'the bottleneck with half as many latents',
  compressor: 'bottleneck',
  changes: ({ config }) => ({ model: { ...config.model, latents: Math.ceil(config.model.latents / 2) } }),
});
