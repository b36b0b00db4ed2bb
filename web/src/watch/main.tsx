/** @file The live view of runs: their progress, curves, settings and results. */

import { render } from 'preact';
import { App } from './app.tsx';
import { start } from './state.ts';
import 'uplot/dist/uPlot.min.css';
import '../base.css';
import './style.css';

render(<App />, document.getElementById('app')!);
start();
