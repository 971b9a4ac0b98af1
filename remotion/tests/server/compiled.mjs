/** The server's modules for tests: compiled like the server itself, one module at a time. */
import {mkdirSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import {fileURLToPath, pathToFileURL} from 'node:url';
import {build} from 'esbuild';

const project = fileURLToPath(new URL('../../', import.meta.url));

export async function compiled(name) {
  const {outputFiles} = await build({
    entryPoints: [path.join(project, 'server', `${name}.ts`)],
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    write: false,
  });
  const file = path.join(project, 'build', 'tests', `${name}.${process.pid}.mjs`);
  mkdirSync(path.dirname(file), {recursive: true});
  writeFileSync(file, outputFiles[0].text);
  return import(pathToFileURL(file).href);
}
