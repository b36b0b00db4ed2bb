/** @file What the page shows, in its address: `#runs=a,b&stage=finetune&group=seed&smooth=0.6`. */

/** What of the page is in its address. */
export interface Shown {
  /** The chosen runs; undefined to follow those that train, and the latest. */
  readonly runs: readonly string[] | undefined;
  /** The training stage whose metrics are drawn. */
  readonly stage: string;
  /** The metrics of the two charts; empty for the usual ones. */
  readonly top: string;
  readonly bottom: string;
  /** What curves are grouped by, and split into small multiples by: a setting, `run`, `experiment`, or `seed`; `split` may be empty. */
  readonly group: string;
  readonly split: string;
  /** Weight of the past in smoothed curves, from 0 to 0.99. */
  readonly smooth: number;
  /** Whether values have a logarithmic scale. */
  readonly log: boolean;
}

export const DEFAULTS: Shown = { runs: undefined, stage: '', top: '', bottom: '', group: 'run', split: '', smooth: 0, log: false };

/** The part of an address after `#`. What is as usual is left out. */
export function toLink({ runs, smooth, log, ...texts }: Shown): string {
  const fields = [
    ...(runs === undefined ? [] : [`runs=${runs.map(encodeURIComponent).join(',')}`]),
    ...Object.entries(texts).flatMap(([key, value]) =>
      value === DEFAULTS[key as keyof typeof texts] ? [] : [`${key}=${encodeURIComponent(value)}`],
    ),
    ...(smooth > 0 ? [`smooth=${smooth}`] : []),
    ...(log ? ['log=1'] : []),
  ];
  return fields.join('&');
}

/** Reads what `toLink` wrote. What is missing or unknown is as usual, so any text is a link. */
export function fromLink(hash: string): Shown {
  const raw = hash.replace(/^#/, '').split('&');
  const field = (name: string) => raw.find(each => each.startsWith(`${name}=`))?.slice(name.length + 1);
  const text = (name: 'stage' | 'top' | 'bottom' | 'group' | 'split') => decoded(field(name)) || DEFAULTS[name];
  const smooth = Number(field('smooth') ?? 0);
  return {
    runs: field('runs')?.split(',').map(decoded).filter(Boolean),
    stage: text('stage'),
    top: text('top'),
    bottom: text('bottom'),
    group: text('group'),
    split: text('split'),
    smooth: smooth >= 0 && smooth <= 0.99 ? smooth : 0,
    log: field('log') === '1',
  };
}

function decoded(text = ''): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return '';
  }
}
