/** @file How Z is read, and what it is made of: attention of the latest action, codes and bits of a discrete Z. */

import { bitsOf } from './bits.ts';
import type { Attention, LaneView } from './session.ts';

/** Bars of attention to every latent, layer by layer. */
export function AttentionBars({ attention: { layers, latents, others } }: { attention: Attention }) {
  const rest = others.some(share => share > 0.005);
  const most = Math.max(...others, ...latents.flat());
  return (
    <section class="attention" aria-label="Attention to the latents">
      <h3>Attention of the latest action</h3>
      <p class="note">
        How much each layer of the policy reads every latent: the mean over its heads. The highest bar is {most.toFixed(2)}.
        {rest && ' "Others" are its prompt and retrieved contexts together.'}
      </p>
      {layers.map((layer, l) => (
        <div class="bars" data-layer={layer}>
          <span>layer {layer + 1}</span>
          <ol>
            {[...latents[l].map((share, m) => [`latent ${m + 1}`, share] as const), ...(rest ? [['others', others[l]] as const] : [])].map(
              ([name, share]) => (
                <li title={`${name}: ${share.toFixed(2)}`} data-share={share.toFixed(3)}>
                  <i style={{ height: `${((100 * share) / most).toFixed(1)}%` }} />
                  <span class="sr">
                    {name}: {share.toFixed(2)}
                  </span>
                </li>
              ),
            )}
          </ol>
        </div>
      ))}
    </section>
  );
}

/** The codes of a discrete Z, one row for each latent, and their bits. */
export function Codes({ codes, alphabet }: { codes?: ArrayLike<number>; alphabet: NonNullable<LaneView['alphabet']> }) {
  const [M, G] = alphabet.shape;
  const digits = bitsOf(alphabet.size);
  return (
    <section aria-label="Codes of Z">
      <h3>Codes</h3>
      <p class="note">
        Z is discrete: {G === 1 ? 'one code' : `${G} codes`} for each latent, of {alphabet.size} there are.
      </p>
      {codes ? (
        <table class="codes">
          <thead>
            <tr>
              <th scope="col">latent</th>
              <th scope="col">{G === 1 ? 'code' : 'codes'}</th>
              <th scope="col">bits</th>
            </tr>
          </thead>
          <tbody>
            {Array.from({ length: M }, (_, m) => {
              const own = Array.from({ length: G }, (_, g) => codes[m * G + g]);
              return (
                <tr>
                  <th scope="row">{m + 1}</th>
                  <td data-codes={own.join()}>{own.join(' ')}</td>
                  <td>
                    <code>{own.map(code => code.toString(2).padStart(digits, '0')).join(' ')}</code>
                  </td>
                </tr>
              );
            })}
          </tbody>
        </table>
      ) : (
        <p class="empty">No codes: Z was changed by hand, or no segment has ended.</p>
      )}
    </section>
  );
}
