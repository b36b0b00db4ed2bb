// Copies the agent that ../node trained to the files of the page.
import { cpSync, existsSync } from 'node:fs';

const model = '../node/runs/agent/model';
if (!existsSync(model)) throw new Error(`there is no ${model}; run npm start in ../node first`);
cpSync(model, 'public/model', { recursive: true });
