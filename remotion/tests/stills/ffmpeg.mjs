/** The ffmpeg that comes with Remotion: it makes the tests' media and reads pictures. */
import {execFileSync} from 'node:child_process';
import {createRequire} from 'node:module';
import {dirname, join} from 'node:path';

const require = createRequire(import.meta.url);
const KINDS = {
  'linux-x64': 'linux-x64-gnu',
  'linux-arm64': 'linux-arm64-gnu',
  'darwin-arm64': 'darwin-arm64',
  'darwin-x64': 'darwin-x64',
};

const kind = KINDS[`${process.platform}-${process.arch}`];
const folder = dirname(require.resolve(`@remotion/compositor-${kind}/package.json`));

/** Runs it with `input` on its standard input; returns what it writes to its standard output. */
export function ffmpeg(args, input) {
  return execFileSync(join(folder, 'ffmpeg'), ['-hide_banner', '-loglevel', 'error', ...args], {
    input,
    maxBuffer: 2 ** 30,
    env: {...process.env, LD_LIBRARY_PATH: folder, DYLD_LIBRARY_PATH: folder},
  });
}

/** A picture's pixels, red, green and blue by turns. */
export function pixels(path) {
  return ffmpeg(['-i', path, '-f', 'image2pipe', '-c:v', 'rawvideo', '-pix_fmt', 'rgb24', '-']);
}
