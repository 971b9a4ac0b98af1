/** One bundle and one browser for all stills of a test run. */
import {bundle} from '@remotion/bundler';
import {openBrowser, renderStill, selectComposition} from '@remotion/renderer';
import {existsSync, mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {serve} from './fileserver.mjs';
import {makeMedia} from './media.mjs';

const ENTRY = fileURLToPath(new URL('../../src/index.ts', import.meta.url));
const BROWSERS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const LONGER_SIDE = 320;
const TRIES = 3;
/** For one picture, on a machine that has much else to do. */
const PATIENCE_MS = 180_000;

/** A browser that has to be read from a slow disk first takes longer to start than Remotion waits. */
async function openPatiently(options) {
  for (let left = TRIES; ; left -= 1) {
    try {
      return await openBrowser('chrome', options);
    } catch (wrong) {
      if (left === 1) throw wrong;
    }
  }
}

export async function openStudio() {
  const folder = mkdtempSync(join(tmpdir(), 'reactor-stills-'));
  makeMedia(folder);
  const files = await serve(folder);
  const browserExecutable = process.env.REACTOR_BROWSER ?? BROWSERS.find((path) => existsSync(path));
  const serveUrl = await bundle({entryPoint: ENTRY, outDir: join(folder, 'bundle')});
  const browser = await openPatiently({browserExecutable, chromiumOptions: {gl: null}}).catch((wrong) => {
    // An open server would keep the test run from ending.
    files.close();
    throw wrong;
  });
  const common = {
    serveUrl,
    puppeteerInstance: browser,
    browserExecutable,
    logLevel: 'error',
    timeoutInMilliseconds: PATIENCE_MS,
  };
  return {
    folder,
    serveUrl,
    browser,
    address: files.address,
    /** Renders one frame (a share of the length, or a number) and returns where the picture is. */
    async still(id, props, {at, frame, name, longer = LONGER_SIDE, imageFormat = 'png'}) {
      const composition = await selectComposition({...common, id, inputProps: props});
      const last = composition.durationInFrames - 1;
      const scale = longer / Math.max(composition.width, composition.height);
      const output = join(folder, `${name}.${imageFormat}`);
      await renderStill({
        ...common,
        composition,
        inputProps: props,
        frame: frame ?? Math.round(last * at),
        scale,
        imageFormat,
        output,
        overwrite: true,
      });
      return {output, composition};
    },
    async close() {
      await browser.close({silent: true});
      files.close();
      rmSync(folder, {recursive: true, force: true});
    },
  };
}
