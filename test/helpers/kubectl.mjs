#!/usr/bin/env node
// Stands in for kubectl: keeps Jobs as files in the folder STAND_IN_KUBECTL, with the conditions that others write there. For tests on machines
// without Kubernetes.
import { appendFileSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';

const state = process.env.STAND_IN_KUBECTL;
const args = process.argv.slice(2);
appendFileSync(join(state, 'calls'), `${JSON.stringify(args)}\n`);
const manifest = args[args.indexOf('--filename') + 1];
const jobs = parseAllDocuments(readFileSync(manifest, 'utf8')).map(document => document.toJS());
const fileOf = ({ metadata }) => join(state, `${metadata.name}.json`);
const there = jobs.filter(job => existsSync(fileOf(job)));

if (args[0] === 'apply')
  for (const job of jobs) {
    if (job.metadata.namespace === 'nonesuch') {
      process.stderr.write('Error from server (NotFound): namespaces "nonesuch" not found\n');
      process.exit(1);
    }
    if (existsSync(fileOf(job))) process.stdout.write(`job.batch/${job.metadata.name} unchanged\n`);
    else writeFileSync(fileOf(job), JSON.stringify(job));
  }
if (args[0] === 'get' && there.length > 0) {
  const items = there.map(job => JSON.parse(readFileSync(fileOf(job), 'utf8')));
  process.stdout.write(JSON.stringify(items.length === 1 ? items[0] : { kind: 'List', items }));
}
if (args[0] === 'delete') for (const job of there) rmSync(fileOf(job));
