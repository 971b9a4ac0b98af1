/**
 * Starts the render server: `node server/start.mjs`.
 *
 * Node does not read TypeScript, so it is compiled first, by the esbuild that Remotion's bundler brings along:
 * a twentieth of a second, and what runs is always what is written.
 */
import fs from 'node:fs';
import path from 'node:path';
import {fileURLToPath, pathToFileURL} from 'node:url';

const MINIMUM = 20;

const server = path.dirname(fileURLToPath(import.meta.url));
const built = path.join(server, '..', 'build', 'server');

/** Writes a file only when it says something else, and by rename: another server may be reading it. */
function keep(file, text) {
  if (fs.existsSync(file) && fs.readFileSync(file, 'utf8') === text) return;
  fs.mkdirSync(path.dirname(file), {recursive: true});
  const part = `${file}.${process.pid}.part`;
  fs.writeFileSync(part, text);
  fs.renameSync(part, file);
}

async function compile() {
  const {build, stop} = await import('esbuild');
  const {outputFiles} = await build({
    entryPoints: ['main', 'worker', 'bundling'].map((name) => path.join(server, `${name}.ts`)),
    outdir: built,
    outExtension: {'.js': '.mjs'},
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    target: `node${MINIMUM}`,
    write: false,
  });
  await stop();
  for (const {path: file, text} of outputFiles) keep(file, text);
}

/** What is wrong and what to do about it; an error nobody has thought of stays what it is. */
function explained(wrong) {
  switch (wrong?.code) {
    case 'ERR_MODULE_NOT_FOUND':
      return `npm packages are missing; run: npm ci --prefix ${path.dirname(server)}`;
    case 'EACCES':
    case 'EROFS':
      return `${built} cannot be written to; start the server once as the owner of ${path.dirname(server)}`;
    default:
      return wrong;
  }
}

if (Number(process.versions.node.split('.')[0]) < MINIMUM) {
  console.error(
    `the Remotion render server needs Node ${MINIMUM} or newer; this is ${process.versions.node}`,
  );
  process.exit(78);
}
try {
  await compile();
} catch (wrong) {
  console.error(explained(wrong));
  process.exit(78);
}
await import(pathToFileURL(path.join(built, 'main.mjs')).href);
