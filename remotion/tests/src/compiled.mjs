/** A TypeScript file of the project as a module that plain Node can use. */
import {build} from 'esbuild';
import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {fileURLToPath, pathToFileURL} from 'node:url';

const SOURCES = fileURLToPath(new URL('../../src/', import.meta.url));

export async function compiled(name) {
  const folder = mkdtempSync(join(tmpdir(), 'reactor-compiled-'));
  const outfile = join(folder, 'module.mjs');
  try {
    await build({
      entryPoints: [join(SOURCES, name)],
      bundle: true,
      platform: 'node',
      format: 'esm',
      outfile,
      logLevel: 'error',
    });
    return await import(pathToFileURL(outfile).href);
  } finally {
    rmSync(folder, {recursive: true, force: true});
  }
}
