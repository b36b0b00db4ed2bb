/** @file The colors of figures and drawings, so that all of them agree. Each is legible on white and on near-black. */

/** Okabe and Ito's palette for color blindness, with olive instead of yellow, and gray; blue is for what matters most. */
export const COLORS = {
  blue: '#1f77c9',
  green: '#009e73',
  vermilion: '#d55e00',
  pink: '#cc79a7',
  orange: '#e69f00',
  sky: '#56b4e9',
  gray: '#8c8c8c',
  olive: '#a08a00',
} as const;
