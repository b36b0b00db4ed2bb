/** @file Why a package, or its native library, does not load on this machine, and what to do. Node only. */

import { CadenzaError } from './errors.ts';

/** What the system's loader says if the C library is the wrong one, and if the file is unusable. */
const OTHER_LIBC = /GLIBC(XX)?_|libc\.so|ld-linux|libstdc\+\+|libm\.so/;
const OTHER_MACHINE = /invalid ELF header|wrong ELF class|incompatible architecture|not a mach-o|not a valid Win32/i;

/**
 * Why a package does not load: an optional package is not installed, the C library differs, the file is for another machine, or parts are
 * missing.
 */
export type LoadingFault = 'optional' | 'libc' | 'machine' | 'incomplete';

/** What is wrong and what to do. */
const ADVICE: Readonly<Record<LoadingFault, () => string>> = {
  optional: () =>
    'Only web pages and the WebAssembly executor need it, so it is not installed with cadenza. Run: npm install onnxruntime-web@1.30.0.',
  libc,
  machine: () => 'The file is damaged or built for another kind of machine. Reinstall cadenza on this one.',
  incomplete: () =>
    'The installation is incomplete, node_modules comes from another kind of machine, or the package does not support this one. Reinstall cadenza here.',
};

/**
 * Which package does not load and why; undefined if `error` is something else. `name` is undefined if the error does not name the package.
 */
export function loadingFault(error: unknown): { fault: LoadingFault; name: string | undefined; reason: string } | undefined {
  const { code = '', message = '' } = (error ?? {}) as NodeJS.ErrnoException;
  // The last pattern is what a loader such as @resvg/resvg-js reports without a code.
  const missing = /^(ERR_)?MODULE_NOT_FOUND$/.test(code);
  if (!missing && code !== 'ERR_DLOPEN_FAILED' && !/^(Failed to load native binding|Unsupported (OS|architecture))/.test(message))
    return undefined;
  const reason = message.split('\n')[0];
  const name = packageIn(reason) ?? packageIn((error as { requireStack?: string[] }).requireStack?.[0] ?? '');
  if (missing) return { fault: name === 'onnxruntime-web' ? 'optional' : 'incomplete', name, reason };
  return { fault: OTHER_LIBC.test(reason) ? 'libc' : OTHER_MACHINE.test(reason) ? 'machine' : 'incomplete', name, reason };
}

/**
 * The error as `E_INSTALL`, with the package, the reason and what to do. Undefined if `error` is not about a package that does not load.
 */
export function explainLoading(error: unknown): CadenzaError | undefined {
  const found = loadingFault(error);
  if (!found) return undefined;
  const { fault, name, reason } = found;
  const here = `${process.platform} ${process.arch}, Node ${process.versions.node}`;
  const what = `${name ?? 'a part of cadenza'} does not load here (${here}): ${reason.replace(/\.$/, '')}`;
  return new CadenzaError('E_INSTALL', `${what}. ${ADVICE[fault]()}`, { cause: error });
}

/** The package that a path lies in or that an import names. */
function packageIn(text: string): string | undefined {
  const paths = [...text.matchAll(/node_modules[/\\]((?:@[^/\\]+[/\\])?[^/\\]+)/g)];
  // The file after "from" is the importing one, which is not missing.
  const named = /(?:package|module) '((?:@[\w.-]+\/)?[\w.-]+)['/]/.exec(text)?.[1];
  return named && !named.startsWith('.') ? named : paths[0]?.[1].replace('\\', '/');
}

/** What is wrong with the C library, which differs between Linux distributions. */
function libc(): string {
  const { header } = process.report.getReport() as unknown as { header: { glibcVersionRuntime?: string } };
  const found = header.glibcVersionRuntime
    ? `This Linux has glibc ${header.glibcVersionRuntime}, and the library needs a newer one`
    : 'This Linux has no glibc (Alpine Linux, for example, has musl instead), and the library needs it';
  return `${found}. Use a distribution or a container image that has it, such as node:22-slim.`;
}
