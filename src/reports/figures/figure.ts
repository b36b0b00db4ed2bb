/** @file What a figure is: a record that says what it is drawn from and describes what is drawn. Nothing here draws, so that it is loaded without Plot. */

import type { MethodTable, RateReturn, RecordedResults, ReferenceWords, Results, SupervisedResults } from '../../records/index.ts';
import type { MethodStyle, Styles } from './style.ts';

/** What figures are drawn from, by what a figure says that it is of. */
export interface FigureSubjects {
  /** The rows of one table of a run in an environment; drawn for each of its tables. */
  readonly methods: MethodTable;
  /** All results of a run in an environment; drawn once. */
  readonly results: Results;
  /** All results of a supervised experiment; drawn once. */
  readonly supervised: SupervisedResults;
  /** The rows of one table of an experiment on recordings; drawn for each of its tables. */
  readonly recorded: RecordedResults['methods'];
}

/**
 * One figure of reports: on the page of a run and, of runs in an environment, in the paper.
 *
 * @typeParam K what it is drawn from.
 */
export type Figure<K extends keyof FigureSubjects = keyof FigureSubjects> = {
  readonly [P in K]: {
    /** Names it, and its file in a paper. */
    readonly id: string;
    readonly of: P;
    /** Its heading. */
    readonly title: string;
    /** What is to be seen, in sentences; nothing when left out. */
    caption?(subject: FigureSubjects[P]): string;
    /** What is drawn; undefined where the results do not have what it shows. */
    draw(subject: FigureSubjects[P]): Drawing | undefined;
  };
}[K];

/**
 * What is drawn: lines or a heat map in the look of all figures, or a whole SVG document, with its width and height in pixels. An SVG has the
 * colors of the page it stands on where it says `currentColor`, and no ground of its own.
 */
export type Drawing = LineFigure | HeatMap | RateFigure | string;

/** Options of all figures. */
export interface FigureOptions {
  /** Pixels. */
  width?: number;
  /** Height in pixels. */
  height?: number;
  /** By the names of lines; where a page has several figures, of all names on it. */
  styles?: Styles;
  /** `paper` is a white page of its own; `inherit` takes the text color and background of the page it is set in. */
  ground?: 'paper' | 'inherit';
}

/** One line of a figure. */
export interface Line {
  readonly name: string;
  /** From left to right; `low` and `high` are the ends of an interval. */
  readonly points: readonly { readonly x: number; readonly y: number; readonly low?: number; readonly high?: number }[];
  /** Drawn, but not named: its caption says what it is. */
  readonly unnamed?: boolean;
}

/** Lines with bands, each named where it ends; each in a panel of its own where there are many. */
export interface LineFigure {
  /** The lines, in the order of the legend. */
  readonly lines: readonly Line[];
  /** By the names of the lines; emphasized ones are drawn last and strongest. When left out, each has the style that methods of its name have. */
  readonly styles?: ReadonlyMap<string, Pick<MethodStyle, 'color' | 'dash' | 'emphasized'>>;
  /** What the figure is, for those who cannot see it. */
  readonly ariaLabel: string;
  /** Pixels, where the page does not say; 460 when left out. */
  readonly height?: number;
  /** What stands along the axis. */
  readonly x: string;
  /** Whole numbers that the axis of x is marked at; as many as there is room for when left out. */
  readonly ticks?: readonly number[];
  /** Where a dotted line is drawn across the figure, and what it is called. */
  readonly level?: { readonly at: number; readonly name?: string };
  /** The vertical axis. */
  readonly y: { readonly label: string; readonly domain: readonly [low: number, high: number]; readonly logarithmic?: boolean };
}

/** One cell of a heat map. */
export interface HeatCell {
  /** 0 is empty, 1 is full; `null` where nothing was measured. */
  readonly share: number | null;
  /** What stands in the cell. */
  readonly text: string;
}

/** Panels of cells, each as dark as its share. */
export interface HeatMap {
  /** Labels of the rows. */
  readonly rows: readonly string[];
  /** Labels of the columns. */
  readonly columns: readonly string[];
  /** [rows][columns] each. Side by side on a wide page, one below the other on a narrow one. */
  readonly panels: readonly { readonly title: string; readonly cells: readonly (readonly HeatCell[])[] }[];
  /** What the figure shows, for screen readers. */
  readonly ariaLabel: string;
  /** What columns and rows are. */
  readonly x: string;
  /** Label of the vertical axis. */
  readonly y: string;
}

/** Return against the bits of Z. */
export interface RateFigure {
  readonly rate: RateReturn;
  readonly words: Pick<ReferenceWords, 'noun'>;
}

/** Lines that one figure holds; more get a panel each. */
export const MOST_TOGETHER = 8;

/** Whether the lines get a panel each: in one figure nobody can follow more than a few. */
export const inPanels = ({ lines, y }: LineFigure): boolean =>
  lines.length > MOST_TOGETHER &&
  !y.logarithmic &&
  lines.some(({ points }) => points.length !== 1) &&
  !lines.some(({ unnamed }) => unnamed);
