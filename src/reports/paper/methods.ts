/** @file The Methods section of a run: its parts in order, and the figure of the pipeline with its caption. */

import { policy as adTransformer, compressor, overview, reconstructs, tokens } from './architecture.ts';
import { environment, histories, split } from './data.ts';
import type { Facts } from './facts.ts';
import { objective } from './objective.ts';
import { compared, differences, evaluation, implementation } from './protocol.ts';
import { training } from './training.ts';
import { join, paragraph, type Written } from './write.ts';

const raw = String.raw;

/** Folder of the figures, beside the .tex files. */
export const FIGURES = 'figures';

type Part = readonly [title: string, paragraphs: (facts: Facts) => (Written | undefined)[]];

const PARTS: readonly Part[] = [
  ['Problem and overview', overview],
  ['Architecture: tokens', tokens],
  ['Architecture: compression transformer', compressor],
  ['Architecture: AD transformer', adTransformer],
  ['Objective', objective],
  ['Environment', environment],
  ['Tasks and their split', split],
  ['Learning histories', histories],
  ['Training', training],
  ['Compared methods', compared],
  ['Evaluation', evaluation],
  ['Implementation', implementation],
  ['Further runs', differences],
];

/** The whole of methods.tex. */
export function methods(facts: Facts): Written {
  const sections = PARTS.map(([title, paragraphs]) => {
    const body = join(paragraphs(facts), '\n\n');
    return body && join([raw`\subsection{${title}}`, body], '\n');
  });
  return join([raw`\section{Methods}`, pipelineFigure(facts), ...sections], '\n\n')!;
}

function pipelineFigure(facts: Facts): Written | undefined {
  const { latents, query, retrieved } = facts.setting;
  const { policy } = facts.config;
  const caption = paragraph(facts, [
    raw`The pipeline of \texttt{<results/name>}. The context $X$ of <setting/context/tokens|token> with <setting/context/numbers|number> each is compressed by $C_\theta$ to <setting/latents/count|latent> of width <setting/latents/width>.`,
    raw`$A_\phi$ reads them ${policy.form === 'prefix' ? 'in self-attention' : 'by cross-attention'}, with the query $Q$ of at most <setting/query/tokens|token> with <setting/query/numbers|number> each, and gives a distribution over actions as <setting/distribution|number>.`,
    latents.workingMemory > 0 && 'Beside the latents stand <setting/latents/workingMemory|token> of working memory.',
    query.promptTokens > 0 && 'Of the query <setting/query/promptTokens|token> are a prompt.',
    retrieved > 0 && 'Latents of <setting/retrieved|retrieved context> stand beside the own.',
    reconstructs(facts) && raw`Dashed: the decoder $R_\psi$, which is there in training alone.`,
  ]);
  return figure('pipeline', 'pipeline', '', caption);
}

/** A figure of the paper by its file, its label, its width as a share of the line (all of it when empty), and its caption. */
export const figure = (file: string, label: string, width: string, caption: Written | undefined): Written | undefined =>
  join(
    [
      raw`\begin{figure}[htbp]
\centering
\includegraphics[width=${width}\linewidth]{${FIGURES}/${file}.pdf}
\caption{`,
      caption,
      raw`}
\label{fig:${label}}
\end{figure}`,
    ],
    '',
  );
