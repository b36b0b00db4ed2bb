/** @file Why a package, or the native library in it, does not load on this machine, and what to do about that. Node only. */

import { CadenzaError } from './errors.ts';

/** What the loader of the system says where the C library is not the one that is needed, and where the file is of no use. */
const OTHER_LIBC = /GLIBC(XX)?_|libc\.so|ld-linux|libstdc\+\+|libm\.so/;
const OTHER_MACHINE = /invalid ELF header|wrong ELF class|incompatible architecture|not a mach-o|not a valid Win32/i;

/** Why a package does not load: an optional one was not installed, another C library, a file for another machine, or parts are missing. */
export type LoadingFault = 'optional' | 'libc' | 'machine' | 'incomplete';

/** What is wrong and what to do. */
const ADVICE: Readonly<Record<LoadingFault, () => string>> = {
  optional: () =>
    'Only pages and the WebAssembly executor need it, so it is not installed with cadenza: npm install onnxruntime-web@1.30.0.',
  libc,
  machine: () => 'The file is damaged or made for another kind of machine. Install cadenza again on this one.',
  incomplete: () =>
    'The installation was cut short, or node_modules comes from another kind of machine, or the package does not support this one. Install cadenza again here.',
};

/** Which package does not load and why; undefined when `error` is something else. The package is undefined where the error does not name it. */
export function loadingFault(error: unknown): { fault: LoadingFault; name: string | undefined; reason: string } | undefined {
  const { code = '', message = '' } = (error ?? {}) as NodeJS.ErrnoException;
  // The last one is what a loader such as @resvg/resvg-js says without a code.
  const missing = /^(ERR_)?MODULE_NOT_FOUND$/.test(code);
  if (!missing && code !== 'ERR_DLOPEN_FAILED' && !/^(Failed to load native binding|Unsupported (OS|architecture))/.test(message))
    return undefined;
  const reason = message.split('\n')[0];
  const name = packageIn(reason) ?? packageIn((error as { requireStack?: string[] }).requireStack?.[0] ?? '');
  if (missing) return { fault: name === 'onnxruntime-web' ? 'optional' : 'incomplete', name, reason };
  return { fault: OTHER_LIBC.test(reason) ? 'libc' : OTHER_MACHINE.test(reason) ? 'machine' : 'incomplete', name, reason };
}

/**
 * The failure in the house's codes: `E_INSTALL`, with the package, the reason, the cause and the way out. Undefined when `error` is something
 * else than a package that does not load.
 */
export function explainLoading(error: unknown): CadenzaError | undefined {
  const found = loadingFault(error);
  if (!found) return undefined;
  const { fault, name, reason } = found;
  const here = `${process.platform} ${process.arch}, Node ${process.versions.node}`;
  const what = `${name ?? 'a part of cadenza'} does not load here (${here}): ${reason.replace(/\.$/, '')}`;
  return new CadenzaError('E_INSTALL', `${what}. ${ADVICE[fault]()}`, { cause: error });
}

/** The package that a path lies in, or that an import names. */
function packageIn(text: string): string | undefined {
  const paths = [...text.matchAll(/node_modules[/\\]((?:@[^/\\]+[/\\])?[^/\\]+)/g)];
  // The importing file, behind "from", is not the one that is missing.
  const named = /(?:package|module) '((?:@[\w.-]+\/)?[\w.-]+)['/]/.exec(text)?.[1];
  return named && !named.startsWith('.') ? named : paths[0]?.[1].replace('\\', '/');
}

/** What is wrong with the C library, in which Linux distributions differ. */
function libc(): string {
  const { header } = process.report.getReport() as unknown as { header: { glibcVersionRuntime?: string } };
  const found = header.glibcVersionRuntime
    ? `This Linux has glibc ${header.glibcVersionRuntime}, and the library needs a newer one`
    : 'This Linux has no glibc (Alpine Linux, for one, has musl instead), and the library needs it';
  return `${found}. Use a distribution or a container image that has it, such as node:22-slim.`;
}
