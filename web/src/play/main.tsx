/** @file The playground: watch agents learn in context, open their memory, and change it. */

import { render } from 'preact';
import { App } from './app.tsx';
import { start } from './state.ts';
import '../base.css';
import './style.css';

render(<App />, document.getElementById('app')!);
void start();
