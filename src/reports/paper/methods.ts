/**
 * @file The Methods section of a run, with the figure of the pipeline, and main.tex, the document around all sections. It compiles with the Debian
 * packages texlive-latex-recommended and texlive-science.
 */

import { drawnOf } from '../figures/draw.ts';
import { type Figure, type FigureSubjects, figuresOf, pipelineFigure } from '../figures/index.ts';
import { policy as adTransformer, compressor, overview, reconstructs, tokens } from './architecture.ts';
import { CODE_POINT, escapeTex } from './escape.ts';
import type { Facts } from './facts.ts';
import { objective } from './objective.ts';
import { compared, differences, evaluation, implementation } from './protocol.ts';
import { citedWords, rowSets } from './tables.ts';
import { environment, histories, split, training } from './training.ts';
import { join, paragraph, type Written } from './write.ts';

const raw = String.raw;

/** Folder of the figures, next to the .tex files. */
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

/** The content of methods.tex. */
export function methods(facts: Facts): Written {
  const sections = PARTS.map(([title, paragraphs]) => {
    const body = join(paragraphs(facts), '\n\n');
    return body && join([raw`\subsection{${title}}`, body], '\n');
  });
  return join([raw`\section{Methods}`, overviewFigure(facts), ...sections], '\n\n')!;
}

function overviewFigure(facts: Facts): Written | undefined {
  const { latents, query, retrieved } = facts.setting;
  const { policy } = facts.config;
  const caption = paragraph(facts, [
    raw`The pipeline of \texttt{<results/name>}. $C_\theta$ compresses the context $X$ of <setting/context/tokens|token> with <setting/context/numbers|number> each to <setting/latents/count|latent> of width <setting/latents/width>.`,
    raw`$A_\phi$ reads them ${policy.architecture === 'prefix' ? 'in self-attention' : 'by cross-attention'}, together with the query $Q$ of at most <setting/query/tokens|token> with <setting/query/numbers|number> each, and outputs a distribution over actions as <setting/distribution|number>.`,
    latents.workingMemory > 0 && 'It also reads <setting/latents/workingMemory|token> of working memory.',
    query.promptTokens > 0 && 'The query includes a prompt of <setting/query/promptTokens|token>.',
    retrieved > 0 && 'It also reads the latents of <setting/retrieved|retrieved context>.',
    reconstructs(facts) && raw`Dashed: the decoder $R_\psi$, which is used in training only.`,
  ]);
  return figure('pipeline', 'pipeline', '', caption);
}

/** A figure of the paper: its file, its label, its width as a fraction of the line (all of it when empty), and its caption. */
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

/** File name of a figure without its extension; with the label of a table if the figure belongs to one. */
export const figureFile = (figure: string, label = ''): string => `${figure}${label}`.replace(/[^\w-]/g, '-');

/** Figures of the whole run in its Results section: all but the pipeline, which is in the Methods. A paper of several runs has none. */
export const figuresOfRun = ({ runs }: Facts): Figure<'results'>[] =>
  runs ? [] : figuresOf('results').filter(each => each !== pipelineFigure);

/** The caption of a figure without sentences here: its title and the caption of its record. */
const captionOf = <K extends keyof FigureSubjects>({ title, caption }: Figure<K>, subject: FigureSubjects[K]): Written => ({
  text: escapeTex([`${title}.`, caption?.(subject)].filter(Boolean).join(' ')),
  citations: [],
});

const PREAMBLE = raw`\documentclass[10pt,a4paper]{article}
\usepackage[T1]{fontenc}
\usepackage[utf8]{inputenc}
\IfFileExists{lmodern.sty}{\usepackage{lmodern}}{}
\usepackage[margin=2.5cm]{geometry}
\usepackage{amsmath,amssymb}
\usepackage{booktabs,longtable}
\usepackage{graphicx}
\usepackage{siunitx}
\usepackage{microtype}
\sisetup{group-minimum-digits=4,group-separator={,}}
\setlength{\emergencystretch}{4em}
\setlength{\belowcaptionskip}{5pt}
\newcommand{\codepoint}[1]{{\footnotesize[U+#1]}}
`;

/** Explains code points, if a text contains one. */
const CODE_POINTS = raw`Characters that the fonts of this document lack are shown as their Unicode code points in brackets.`;

/** The content of main.tex; `body` is that of the other files. */
export function main(facts: Facts, body: readonly Written[]): Written {
  const figures = rowSets(facts).flatMap(rows => {
    const { title, label, methods, style } = rows;
    const { scale, quantity, place, outcome } = citedWords(rows);
    const curves = raw`Mean ${quantity} by ${place} of ${title}, ${scale}. Bands are confidence intervals of the mean, as in Table~\ref{tab:scores${label}}.`;
    const profiles = raw`Performance profiles~\cite{agarwal2021} of ${title}: the share of streams whose final return, ${scale}, exceeds a threshold, in percent. Bands are pointwise confidence intervals.`;
    const panels = style ? ' One panel per method, with the lines of all runs; lines in gray are equal in several runs.' : '';
    const when = { recovery: 'the last change, over all layouts after the first', 'first-layout': 'the start, before the first change' };
    const recovery = (since: string) =>
      `Mean of a call of ${title} (${outcome}) by the number of calls since ${since}. Bands are confidence intervals of the mean.`;
    const captions: Readonly<Record<string, string>> = {
      curves: `${curves}${panels}`,
      profiles: `${profiles}${panels}`,
      ...Object.fromEntries(Object.entries(when).map(([id, since]) => [id, `${recovery(since)}${panels}`])),
    };
    return figuresOf('methods').map(each => {
      const caption = each.id in captions ? paragraph(facts, [captions[each.id]]) : captionOf(each, methods);
      return drawnOf(each, methods) && figure(figureFile(each.id, label), `${each.id}${label}`, '0.86', caption);
    });
  });
  const ofRun = figuresOfRun(facts).map(
    each => drawnOf(each, facts.results) && figure(figureFile(each.id), figureFile(each.id), '0.86', captionOf(each, facts.results)),
  );
  return join(
    [
      PREAMBLE,
      paragraph(facts, [raw`\title{Methods and results of ${rowSets(facts)[0].title}}`]),
      raw`\author{}
\date{}

\begin{document}
\maketitle
\input{methods}`,
      body.some(({ text }) => text.includes(CODE_POINT)) ? `\n${CODE_POINTS}` : undefined,
      raw`
\section{Results}`,
      ...figures,
      ...ofRun,
      raw`\input{tables}

\bibliographystyle{plain}
\bibliography{references}
\end{document}
`,
    ],
    '\n',
  )!;
}
