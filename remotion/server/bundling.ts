/** The process that bundles the compositions: `node bundling.mjs DIRECTORY`. It ends with its server. */
import path from 'node:path';
import {bundle} from '@remotion/bundler';
import {inOneLine} from './failure';
import {PROJECT} from './settings';

process.stdin.on('end', () => process.exit(75)).resume();
const [, , directory] = process.argv;
if (!directory) throw new Error('usage: bundling.mjs DIRECTORY');
try {
  await bundle({
    entryPoint: path.join(PROJECT, 'src', 'index.ts'),
    rootDir: PROJECT,
    outDir: directory,
    enableCaching: false,
    // A quarter of webpack's time for the same files.
    rspack: true,
  });
  process.exit(0);
} catch (wrong) {
  console.error(inOneLine(wrong));
  process.exit(1);
}
