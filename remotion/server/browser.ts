/** Which browser draws, and how many of its tabs draw one film. */
import {accessSync, constants} from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/** In the order of preference: the shell is smaller, and its tabs draw side by side. */
const NAMES = [
  'chromium-headless-shell',
  'chrome-headless-shell',
  'chromium',
  'chromium-browser',
  'google-chrome',
  'google-chrome-stable',
];
const MOST_TABS = 8;
const MOST_SLOTS = 4;

export interface Browser {
  /** Null: Remotion's own, which it downloads. */
  executable: string | null;
  mode: 'headless-shell' | 'chrome-for-testing';
  /** Renders at once, each with a browser of its own. */
  slots: number;
  /** Tabs that draw one film. */
  tabs: number;
}

/**
 * The browser that is set, else the first on PATH, else Remotion's own download.
 *
 * A browser waits more than it works, so several films at once use the machine best, one's encoding beside the
 * other's frames. What processors are left then are for more tabs, which only a shell paints side by side.
 */
export function chosen(
  set: string | null,
  slots: number | null,
  tabs: number | null,
  searchPath: string,
): Browser {
  const executable = set ?? onPath(searchPath);
  const shell = !executable || path.basename(executable).includes('headless-shell');
  const processors = os.availableParallelism();
  const films = slots ?? Math.min(MOST_SLOTS, processors);
  const share = Math.min(MOST_TABS, Math.max(1, Math.floor(processors / films)));
  return {
    executable,
    mode: shell ? 'headless-shell' : 'chrome-for-testing',
    slots: films,
    tabs: tabs ?? (shell ? share : 1),
  };
}

function onPath(searchPath: string): string | null {
  const folders = searchPath.split(path.delimiter).filter(Boolean);
  const files = NAMES.flatMap((name) => folders.map((folder) => path.join(folder, name)));
  return files.find(runs) ?? null;
}

function runs(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
