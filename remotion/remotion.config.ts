/** Settings of Remotion's own command line; the render server decides for itself. */
import {existsSync} from 'node:fs';
import {Config} from '@remotion/cli/config';

const BROWSERS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const browser = process.env['REACTOR_BROWSER'] ?? BROWSERS.find((path) => existsSync(path));

Config.setEntryPoint('src/index.ts');
Config.setBrowserExecutable(browser ?? null);
Config.setVideoImageFormat('jpeg');
Config.setJpegQuality(92);
Config.setColorSpace('bt709');
Config.setOverwriteOutput(true);
