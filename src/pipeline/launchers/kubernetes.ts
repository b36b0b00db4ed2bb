/**
 * @file Kubernetes (kubernetes.io, 1.29 and later): an Indexed Job for each array. Jobs of Kubernetes do not wait for each other, so a pod whose
 * inputs are not finished ends at once with a status that is no failure, and is started again after a pause, which Kubernetes doubles each time.
 */

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { IJob } from 'kubernetes-models/batch/v1';
import { Document, parse } from 'yaml';
import { openBucket } from '../../cache/bucket/objects.ts';
import { provenance } from '../../cache/provenance.ts';
import { attempt, CadenzaError, type ErrorCode, EXIT_CODES } from '../../util/errors.ts';
import { sha256, writeFileAtomic } from '../../util/files.ts';
import { type JobArray, SAVING } from './arrays.ts';
import { type Launch, type Launcher, type LaunchStatus, PASSING } from './launcher.ts';
import { call } from './program.ts';

/** The manifest in the folder of a run. */
const MANIFEST_FILE = 'kubernetes.yaml';

/** How often a job is tried that fails for reasons that may pass. */
const RETRIES = 3;

/** Status of a process that saved its state after SIGTERM. */
const TERMINATED = 143;

/** Maximum length of a Job's name: with an index it is the name of a host, which has at most 63 characters. */
const NAME_LENGTH = 50;

/** Statuses of failures that would happen again. */
const FINAL = Object.entries(EXIT_CODES).flatMap(([code, status]) =>
  ![...PASSING, 'E_UNFINISHED', 'E_INTERRUPTED'].includes(code as ErrorCode) ? [status] : [],
);

/** Fields that options cannot set. */
const FIXED = ['metadata.name', 'spec.completions', 'spec.completionMode', 'spec.template.spec.containers.0.command'];

/** Lower-case letters, digits and dashes. */
const slug = (text: string) =>
  text
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-+|-+$/g, '');

/** The Job of an array, whose pods read `file` in the bucket. */
function jobOf(name: string, file: string, { first, jobs, cores, memory }: JobArray): IJob {
  const labels = { app: 'cadenza' };
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name, labels },
    spec: {
      completionMode: 'Indexed',
      completions: jobs.length,
      parallelism: jobs.length,
      backoffLimitPerIndex: RETRIES,
      podFailurePolicy: {
        rules: [
          { action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] },
          { action: 'Ignore', onExitCodes: { operator: 'In', values: [EXIT_CODES.E_UNFINISHED, TERMINATED] } },
          { action: 'FailIndex', onExitCodes: { operator: 'In', values: FINAL } },
        ],
      },
      template: {
        metadata: { labels },
        spec: {
          restartPolicy: 'Never',
          terminationGracePeriodSeconds: SAVING,
          containers: [
            {
              name: 'cadenza',
              image: `cadenza:${provenance().version}`,
              command: ['sh', '-c', `exec cadenza job ${file} $((${first} + JOB_COMPLETION_INDEX)) --if-ready`],
              envFrom: [{ secretRef: { name: 'cadenza' } }],
              resources: { requests: { cpu: String(cores), memory: `${memory}Mi` }, limits: { memory: `${memory}Mi` } },
            },
          ],
        },
      },
    },
  };
}

/**
 * The manifest of a launch, a YAML document for each array.
 *
 * @param file address of the jobs in the bucket.
 * @param options fields of all Jobs to set, such as `metadata.namespace=lab`.
 * @throws {CadenzaError} `E_USAGE` for an option that is not a field.
 */
export function manifestOf({ name, arrays }: Pick<Launch, 'name' | 'arrays'>, file: string, options: readonly string[]): string {
  const fields = options.map(option => {
    const [, path, text] = /^([^=\s]+)=(.*)$/s.exec(option) ?? [];
    const value = attempt(() => ({ is: parse(text) }));
    if (FIXED.includes(path))
      throw new CadenzaError('E_USAGE', `--launch-option ${option}: ${path} follows from the jobs. Omit this option.`);
    if (value && /^(metadata|spec)\./.test(path ?? '')) return { path: path.split('.'), value: value.is };
    throw new CadenzaError(
      'E_USAGE',
      `--launch-option ${option}: expected a field of a Kubernetes Job and its value, such as metadata.namespace=lab.`,
    );
  });
  const id = sha256(file).slice(0, 8);
  const documents = arrays.map((array, i) => {
    const title = `${slug(name).slice(0, 20) || 'run'}-${id}-${i}-${slug(array.name)}`.slice(0, NAME_LENGTH).replace(/-+$/, '');
    const document = new Document(jobOf(title, file, array), { aliasDuplicateObjects: false });
    for (const { path, value } of fields) document.setIn(path, value);
    return document.toString({ lineWidth: 0 });
  });
  return documents.join('---\n');
}

/** What `kubectl get` shows of a Job. */
interface ShownJob {
  readonly metadata: { readonly name: string };
  readonly spec?: { readonly completions?: number };
  readonly status?: {
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
    readonly active?: number;
    readonly succeeded?: number;
    /** Such as `1,3-5`. */
    readonly failedIndexes?: string;
  };
}

const MISSING = 'Install it, and give it access to the cluster.';

/** What became of the Jobs of a manifest. */
async function status(manifest: string): Promise<LaunchStatus> {
  const text = await call('kubectl', ['get', '--filename', manifest, '--ignore-not-found', '--output=json'], MISSING);
  if (text === '') return { active: [], running: 0, waiting: 0, notes: [] };
  const found = JSON.parse(text) as ShownJob | { readonly items: readonly ShownJob[] };
  const ended = ({ status }: ShownJob) =>
    status?.conditions?.some(condition => ['Complete', 'Failed'].includes(condition.type) && condition.status === 'True');
  const jobs = 'items' in found ? found.items : [found];
  const open = jobs.filter(job => !ended(job));
  const sum = (count: (job: ShownJob) => number) => open.reduce((all, job) => all + count(job), 0);
  // Pods that look whether their inputs are finished also count as running.
  const running = sum(job => job.status?.active ?? 0);
  const left = sum(({ spec, status }) => (spec?.completions ?? 1) - (status?.succeeded ?? 0) - indexes(status?.failedIndexes));
  return {
    active: open.length > 0 ? [manifest] : [],
    running,
    waiting: Math.max(0, left - running),
    notes: jobs.flatMap(({ metadata: { name }, status }) =>
      status?.failedIndexes
        ? [`Pods ${status.failedIndexes} of ${name} failed. Read why with kubectl logs --selector job-name=${name}.`]
        : [],
    ),
  };
}

/** Number of indexes in a list such as `1,3-5`. */
const indexes = (list = '') =>
  list
    .split(',')
    .filter(Boolean)
    .map(range => range.split('-').map(Number))
    .reduce((sum, [first, last = first]) => sum + last - first + 1, 0);

/** Deletes the Jobs of a manifest, if they are there. */
const remove = (manifest: string, ...options: readonly string[]) =>
  call('kubectl', ['delete', '--filename', manifest, '--ignore-not-found', ...options], MISSING);

/** Lets a failure pass if kubectl is not installed. */
function unlessMissing(error: unknown): void {
  if (!(error instanceof CadenzaError && error.code === 'E_INSTALL')) throw error;
}

/** What was submitted is the path of the manifest. */
export const kubernetes: Launcher = {
  id: 'kubernetes',
  description: 'Indexed Jobs of Kubernetes, with a bucket (--store)',
  async submit({ run, file, ...launch }, { options = [] }) {
    if (run.store === undefined)
      throw new CadenzaError('E_USAGE', '--launcher kubernetes: pods do not see folders of this machine. Add a bucket (--store s3://…).');
    const manifest = join(run.out, MANIFEST_FILE);
    const jobs = readFileSync(file, 'utf8');
    const object = `launches/${sha256(jobs).slice(0, 16)}.json`;
    const bucket = await openBucket(run.store);
    // Jobs of an earlier launch, all of which ended: with the same name, they would not run again.
    if (existsSync(manifest)) await remove(manifest).catch(unlessMissing);
    writeFileAtomic(manifest, manifestOf(launch, `${bucket.address}/${object}`, options));
    await bucket.write(object, jobs);
    const elsewhere = `Run kubectl apply -f ${manifest} where it is, and kubectl delete -f to stop; plan and collect work here.`;
    try {
      await call('kubectl', ['apply', '--filename', manifest], elsewhere);
    } catch (error) {
      // All or nothing.
      await remove(manifest, '--wait=false').catch(() => {});
      const { code, message } = error as CadenzaError;
      throw code === 'E_EXECUTOR' ? new CadenzaError(code, `${message} The Jobs are in ${manifest}.`) : error;
    }
    return [manifest];
  },
  status: ([manifest]) => status(manifest),
  async cancel([manifest]) {
    await remove(manifest, '--wait=false');
  },
};
