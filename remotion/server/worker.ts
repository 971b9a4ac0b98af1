/**
 * The process that draws: it keeps one browser open and renders one film after another with it.
 *
 * A process of its own, because whatever happens to Remotion, its browser or its memory must not happen to the
 * server. It ends with its server, and its browser ends with it.
 */
import {mkdirSync} from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import {makeCancelSignal, openBrowser, renderMedia, renderStill} from '@remotion/renderer';
import {classified, inOneLine} from './failure';
import {codec, encoding, JPEG_QUALITY, STILL_QUALITY} from './encoding';
import type {Equipment, FromWorker, Task, ToWorker} from './messages';

type CancelSignal = ReturnType<typeof makeCancelSignal>['cancelSignal'];
type Browser = Awaited<ReturnType<typeof openBrowser>>;

const NICENESS = 3;
const REMOTIONS_LIMIT_MS = 25_000;
/** Remotion's own servers look for a port from 3000 to 3100, where other servers live; below the system's own. */
const FIRST_PORT = 20_000;
const PORTS = 10_000;

const equipment = JSON.parse(process.argv[2] ?? '{}') as Equipment;
const executable = equipment.executable ?? undefined;
const options = {
  chromeMode: equipment.mode,
  browserExecutable: executable,
  chromiumOptions: {gl: null, enableMultiProcessOnLinux: true},
  logLevel: 'error',
} as const;
let cancel: (() => void) | null = null;

process.on('disconnect', () => process.exit(75));
// The server ends us when it is time; a terminal's Ctrl-C and a group's SIGTERM are its business.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => undefined);
os.setPriority(NICENESS);

const browser = await opened();
whenGone(browser, () => {
  const message = 'the browser is gone (Target closed)';
  console.error(message);
  tell({tell: 'failed', failure: 'crash', message, frame: null, worn: true});
  // A little later, so that it is heard; nothing more can be drawn here.
  setTimeout(() => process.exit(70), 100);
});
process.on('message', (message: ToWorker) => {
  if (message.do === 'cancel') cancel?.();
  else void draw(message.task);
});
tell({tell: 'ready', browser: await versionOf(browser)});

/** Open the browser; without Remotion's own limit, which a cold one on a busy machine exceeds. */
async function opened(): Promise<Browser> {
  const {setTimeout} = globalThis;
  const patient = (run: () => void, ms?: number): NodeJS.Timeout =>
    setTimeout(run, ms === REMOTIONS_LIMIT_MS ? equipment.opening_s * 1000 : ms);
  globalThis.setTimeout = Object.assign(patient, setTimeout);
  try {
    return await openBrowser('chrome', options);
  } catch (wrong) {
    console.error(inOneLine(wrong));
    process.exit(69);
  } finally {
    globalThis.setTimeout = setTimeout;
  }
}

async function draw(task: Task): Promise<void> {
  let rendered = 0;
  const signal = makeCancelSignal();
  cancel = signal.cancel;
  // Read again by whoever makes a temporary file: all of one render's lie together.
  process.env['TMPDIR'] = path.join(task.scratch, 'tmp');
  mkdirSync(process.env['TMPDIR'], {recursive: true});
  try {
    const file = path.join(task.scratch, `film.${task.container}`);
    const draws = task.container === 'jpg' ? still : film;
    await draws(task, file, signal.cancelSignal, (drawn, encoded) => {
      rendered = drawn;
      tell({tell: 'progress', rendered, encoded});
    });
    tell({tell: 'done', file});
  } catch (wrong) {
    console.error(wrong);
    const {failure, message, frame} = classified(wrong);
    // A browser that has crashed once, or was replaced by Remotion on its own, is not used again.
    tell({tell: 'failed', failure, message, frame: frame ?? rendered, worn: failure !== 'input'});
  } finally {
    cancel = null;
  }
}

type Report = (rendered: number, encoded: number) => void;

/** What a film and a still are told alike. */
async function common(task: Task, cancelSignal: CancelSignal) {
  return {
    ...options,
    composition: videoConfig(task),
    inputProps: task.props,
    serveUrl: task.bundle,
    puppeteerInstance: browser,
    overwrite: true,
    port: await freePort(),
    cancelSignal,
    imageFormat: 'jpeg',
    timeoutInMilliseconds: task.patience_s * 1000,
    onBrowserLog: logged,
  } as const;
}

async function film(task: Task, file: string, cancelSignal: CancelSignal, report: Report): Promise<void> {
  await renderMedia({
    ...(await common(task, cancelSignal)),
    ...encoding(task.container, task.frames / task.fps),
    outputLocation: file,
    concurrency: task.tabs,
    jpegQuality: JPEG_QUALITY,
    onProgress: ({renderedFrames, encodedFrames}) => {
      report(renderedFrames, encodedFrames);
    },
  });
}

async function still(task: Task, file: string, cancelSignal: CancelSignal, report: Report): Promise<void> {
  await renderStill({
    ...(await common(task, cancelSignal)),
    output: file,
    jpegQuality: STILL_QUALITY,
    frame: Math.min(task.frames - 1, task.fps),
  });
  report(1, 1);
}

/** What `selectComposition` would find out by opening another page: the server has decided it all. */
function videoConfig(task: Task): Parameters<typeof renderMedia>[0]['composition'] {
  return {
    id: task.composition,
    width: task.width,
    height: task.height,
    fps: task.fps,
    durationInFrames: task.frames,
    props: task.props,
    defaultProps: {},
    defaultCodec: task.container === 'jpg' ? null : codec(task.container),
    defaultOutName: null,
    defaultVideoImageFormat: null,
    defaultPixelFormat: null,
    defaultProResProfile: null,
    defaultSampleRate: null,
  };
}

function logged({type, text}: {type: string; text: string}): void {
  console.error(`browser ${type}: ${text}`);
}

function tell(message: FromWorker): void {
  process.send?.(message);
}

/** A port that nobody uses, tried from a random one on. */
async function freePort(): Promise<number> {
  for (;;) {
    const port = FIRST_PORT + Math.floor(Math.random() * PORTS);
    if (await isFree(port)) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = net.createServer();
    server.once('error', () => {
      resolve(false);
    });
    server.listen(port, () => {
      server.close(() => {
        resolve(true);
      });
    });
  });
}

/** What Remotion keeps to itself; versions are exact, and a test notices when it is elsewhere. */
interface Insides {
  connection?: {
    send(method: string): Promise<{value: {product: string}}>;
    transport?: {websocket?: {addEventListener(event: 'close', heard: () => void): void}};
  };
}

async function versionOf(opened: Browser): Promise<string> {
  try {
    const {connection} = opened as unknown as Insides;
    return (await connection?.send('Browser.getVersion'))?.value.product ?? 'unknown';
  } catch {
    return 'unknown';
  }
}

/** Remotion itself would wait for a dead browser's answer for ever. */
function whenGone(opened: Browser, then: () => void): void {
  const {connection} = opened as unknown as Insides;
  connection?.transport?.websocket?.addEventListener('close', then);
}
