/** @file The document around the sections: main.tex, which compiles with what Debian calls texlive-latex-recommended and texlive-science. */

import { CODE_POINT } from './escape.ts';
import type { Facts } from './facts.ts';
import { figure } from './methods.ts';
import { rowSets } from './tables.ts';
import { join, paragraph, type Written } from './write.ts';

const raw = String.raw;

/** File of a figure of one set of rows, without its ending. */
export const figureFile = (figure: 'curves' | 'profiles', label: string): string => `${figure}${label.replace(/[^\w-]/g, '-')}`;

const PREAMBLE = raw`\documentclass[10pt,a4paper]{article}
\usepackage[T1]{fontenc}
\usepackage[utf8]{inputenc}
\usepackage{lmodern}
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

/** What is said where a text has such a character. */
const CODE_POINTS = raw`Characters that the fonts of this document lack are given by their Unicode code points in brackets.`;

/** `body` is what the other files say. */
export function main(facts: Facts, body: readonly Written[]): Written {
  const figures = rowSets(facts).flatMap(({ title, label, methods }) => {
    const of = (kind: 'curves' | 'profiles', caption: string) =>
      figure(figureFile(kind, label), `${kind}${label}`, '0.86', paragraph(facts, [caption]));
    const curves = raw`Mean return by in-context episode of ${title}, divided by that of the oracle. Bands are intervals of the mean, as in Table~\ref{tab:scores${label}}.`;
    const profiles = raw`Performance profiles~\cite{agarwal2021} of ${title}: the share of runs whose final score is above a threshold, in percent of the return of the oracle. Bands are pointwise intervals of that share.`;
    return [of('curves', curves), Object.values(methods).some(({ profile }) => profile) && of('profiles', profiles)];
  });
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
      raw`\input{tables}

\bibliographystyle{plain}
\bibliography{references}
\end{document}
`,
    ],
    '\n',
  )!;
}
