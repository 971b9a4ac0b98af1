/** The render server as a program; `start.mjs` compiles it and begins here. */
import fs from 'node:fs';
import type {Server} from 'node:http';
import path from 'node:path';
import {VERSION} from 'remotion/version';
import {createApp} from './app';
import {chosen, type Browser} from './browser';
import {Bundles} from './bundle';
import {Crew, program} from './crew';
import {Files} from './files';
import {Renders} from './renders';
import {removeLeftovers, Scratch} from './scratch';
import {BadConfiguration, settings, type Settings} from './settings';

const BAD_CONFIGURATION = 78;
/** So much longer than opening it may a browser's download take. */
const DOWNLOAD = 10;

try {
  await main(settings(process.env));
} catch (wrong) {
  console.error(wrong instanceof BadConfiguration ? wrong.message : wrong);
  process.exit(wrong instanceof BadConfiguration ? BAD_CONFIGURATION : 1);
}

async function main(set: Settings): Promise<void> {
  const scratch = prepared(set);
  const browser = chosen(set.browser, set.slots, set.tabs, process.env['PATH'] ?? '');
  const bundles = new Bundles(set.work, program('bundling'), program('worker'), set.timeout_s);
  const crew = crewOf(set, browser, scratch);
  const files = new Files();
  const limits = {
    capacity: browser.slots,
    stall_s: set.stall_s,
    timeout_s: set.timeout_s,
    tabs: browser.tabs,
    patience_s: set.patience_s,
  };
  const renders = new Renders(limits, crew, bundles, files, scratch);
  // Whoever takes over what was drawn before has to know that it would look otherwise now.
  const versions = {version: () => `${VERSION}+${bundles.look}`, browser: () => crew.browser};
  const app = createApp(renders, {renders: set.renders, assets: set.assets}, versions, set.host);
  stopOnSignal(async () => {
    await renders.close(set.drain_s);
    await crew.close();
    scratch.sweepOwn();
  });
  await files.open();
  // Only then: who can be asked can also draw.
  await Promise.all([bundles.current(), opened(crew, browser)]);
  await listen(app, set);
  console.error(
    `remotion ${VERSION} at http://${set.host}:${set.port}, ${browser.executable ?? "Remotion's own browser"}`,
  );
}

function crewOf(set: Settings, browser: Browser, scratch: Scratch): Crew {
  const {executable, mode, slots} = browser;
  // Remotion's own may have to be downloaded first.
  const opening_s = executable ? set.opening_s : set.opening_s * DOWNLOAD;
  return new Crew(program('worker'), {executable, mode, opening_s}, scratch, {slots, films: set.films});
}

/** Who starts us is told at once that a browser cannot be opened, and does not send orders. */
async function opened(crew: Crew, {executable}: Browser): Promise<void> {
  const first = crew.keepOne().catch(async (wrong: unknown) => {
    if (!executable) return;
    await crew.close();
    throw new BadConfiguration(wrong instanceof Error ? wrong.message : String(wrong));
  });
  if (executable) await first;
}

function prepared(set: Settings): Scratch {
  try {
    fs.mkdirSync(set.renders, {recursive: true});
    fs.mkdirSync(set.work, {recursive: true});
  } catch (wrong) {
    throw new BadConfiguration(
      `REACTOR_DATA: ${path.dirname(set.renders)} cannot be made (${(wrong as Error).message})`,
    );
  }
  const scratch = new Scratch(set.work);
  scratch.sweep();
  removeLeftovers(set.renders);
  return scratch;
}

function listen(app: Server, {host, port}: Settings): Promise<void> {
  return new Promise((resolve, reject) => {
    app.once('error', (wrong: NodeJS.ErrnoException) => {
      const reason = wrong.code === 'EADDRINUSE' ? 'Address already in use' : wrong.message;
      reject(
        new BadConfiguration(
          `cannot listen on ${host}:${port} (${reason}); stop what uses it or set REACTOR_RENDERER_URL`,
        ),
      );
    });
    app.listen(port, host, resolve);
  });
}

/** The first signal lets renders end for a moment, the second ends at once. */
function stopOnSignal(stop: () => Promise<void>): void {
  let asked = false;
  for (const name of ['SIGTERM', 'SIGINT'] as const) {
    process.on(name, () => {
      if (asked) process.exit(1);
      asked = true;
      void stop().finally(() => process.exit(0));
    });
  }
}
