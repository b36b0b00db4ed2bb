/** @file The type of figures: a record that describes a drawing of its subject. Nothing here draws, so that this file loads without Plot. */

import type { MethodTable, RateReturn, RecordedResults, ReferenceWords, Results, SupervisedResults } from '../../records/index.ts';
import type { MethodStyle, Styles } from './style.ts';

/** The subjects of figures, by the value of a figure's `of`. */
export interface FigureSubjects {
  /** The methods of one table of a run in an environment; drawn for each of its tables. */
  readonly methods: MethodTable;
  /** All results of a run in an environment; drawn once. */
  readonly results: Results;
  /** All results of a supervised experiment; drawn once. */
  readonly supervised: SupervisedResults;
  /** The methods of one table of an experiment on recordings; drawn for each of its tables. */
  readonly recorded: RecordedResults['methods'];
}

/**
 * One figure of reports: on the page of a run and, for runs in an environment, in the paper.
 *
 * @typeParam K its subject.
 */
export type Figure<K extends keyof FigureSubjects = keyof FigureSubjects> = {
  readonly [P in K]: {
    /** Identifies it; also the name of its file in a paper. */
    readonly id: string;
    readonly of: P;
    /** Heading. */
    readonly title: string;
    /** Explains the figure in sentences; empty when left out. */
    caption?(subject: FigureSubjects[P]): string;
    /** The drawing; undefined if the results lack what the figure shows. */
    draw(subject: FigureSubjects[P]): Drawing | undefined;
  };
}[K];

/**
 * A drawing: lines or a heat map in the common style, or a complete SVG document with width and height in pixels. An SVG should use `currentColor`,
 * which is the text color of the page, and no background.
 */
export type Drawing = LineFigure | HeatMap | RateFigure | string;

/** How lines share panels. */
export interface Panels {
  /** Title of the panel of each line, by its name. */
  readonly titles: ReadonlyMap<string, string>;
  /** What colors and dashes mean, shown above the panels. */
  readonly key: readonly ({ readonly name: string } & Pick<MethodStyle, 'color' | 'dash'>)[];
}

/** Options of all figures. */
export interface FigureOptions {
  /** Pixels. */
  width?: number;
  /** Height in pixels. */
  height?: number;
  /** Styles by the names of lines; on a page with several figures, those of all names. */
  styles?: Styles;
  /** Draws lines in panels, with all lines of one title in one panel. */
  panels?: Panels;
  /** `paper` draws a white background; `inherit` uses the text color and background of the page, and labels series for its script. */
  ground?: 'paper' | 'inherit';
}

/** One line of a figure. */
export interface Line {
  readonly name: string;
  /** From left to right; `low` and `high` are the ends of an interval. */
  readonly points: readonly { readonly x: number; readonly y: number; readonly low?: number; readonly high?: number }[];
  /** Drawn without its name; the caption explains it. */
  readonly unnamed?: boolean;
}

/** Lines with bands, each labeled where it ends; if there are many, each in its own panel; lines of one point each become rows with an interval. */
export interface LineFigure {
  /** The lines, in the order of the legend. */
  readonly lines: readonly Line[];
  /** Styles by the names of the lines; emphasized lines are drawn last and thickest. When left out, each line has the style of the method with its name. */
  readonly styles?: ReadonlyMap<string, Pick<MethodStyle, 'color' | 'dash' | 'emphasized'>>;
  /** Name of the figure for screen readers. */
  readonly ariaLabel: string;
  /** Pixels, unless the page sets it; 460 when left out. */
  readonly height?: number;
  /** Label of the x axis. */
  readonly x: string;
  /** Integer ticks of the x axis; as many as there is room for when left out. */
  readonly ticks?: readonly number[];
  /** Draws x as log(1 + x / unit), with those of the ticks for which there is room. */
  readonly unit?: number;
  /** A dotted horizontal line, with its name. */
  readonly level?: { readonly at: number; readonly name?: string };
  /** The vertical axis. */
  readonly y: { readonly label: string; readonly domain: readonly [low: number, high: number]; readonly logarithmic?: boolean };
}

/** One cell of a heat map. */
export interface HeatCell {
  /** From 0 (empty) to 1 (dark); `null` if nothing was measured. */
  readonly share: number | null;
  /** Text of the cell. */
  readonly text: string;
}

/** Panels of cells; a cell is darker the larger its share. */
export interface HeatMap {
  /** Labels of the rows. */
  readonly rows: readonly string[];
  /** Labels of the columns. */
  readonly columns: readonly string[];
  /** [rows][columns] each. Side by side on wide pages, stacked on narrow ones. */
  readonly panels: readonly { readonly title: string; readonly cells: readonly (readonly HeatCell[])[] }[];
  /** What the figure shows, for screen readers. */
  readonly ariaLabel: string;
  /** Labels of columns and rows. */
  readonly x: string;
  /** Label of the vertical axis. */
  readonly y: string;
}

/** Return versus the bits of Z. */
export interface RateFigure {
  readonly rate: RateReturn;
  readonly words: Pick<ReferenceWords, 'noun'>;
}

/** Largest number of lines in one plot; more lines get a panel each. */
export const MOST_TOGETHER = 8;

/** Whether the lines are drawn in panels: if the options say so, or because one plot would be unreadable. */
export const inPanels = ({ lines, y }: LineFigure, panels?: Panels): boolean =>
  (panels !== undefined || lines.length > MOST_TOGETHER) &&
  !y.logarithmic &&
  lines.some(({ points }) => points.length !== 1) &&
  !lines.some(({ unnamed }) => unnamed);
