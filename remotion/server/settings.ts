/** What the reactor tells this server: the environment that `reactor/renderers/process.py` makes for it. */
import os from 'node:os';
import path from 'node:path';
import {fileURLToPath} from 'node:url';

/** The directory `remotion/`, seen from `remotion/build/server`. */
export const PROJECT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..', '..');

export interface Settings {
  host: string;
  port: number;
  renders: string;
  /** The only directories a render may read from; relative paths are looked for in the first. */
  assets: string[];
  /** Renders at once; null leaves it to the machine and the browser. */
  slots: number | null;
  stall_s: number;
  timeout_s: number;
  /** How long running renders may go on after SIGTERM. */
  drain_s: number;
  browser: string | null;
  /** Tabs that draw one film; null leaves it to the machine and the browser. */
  tabs: number | null;
  /** How long a browser may take to open. */
  opening_s: number;
  /** How long a frame may be waited for. */
  patience_s: number;
  /** Films that a worker and its browser draw before they are replaced. */
  films: number;
  /** Where bundles, temporary files and browser profiles go. */
  work: string;
}

export class BadConfiguration extends Error {}

export function settings(env: NodeJS.ProcessEnv): Settings {
  const data = path.resolve(env['REACTOR_DATA'] || path.join(os.homedir(), '.local', 'share', 'reactor'));
  const {host, port} = address(env['REACTOR_RENDERER_URL'] || 'http://127.0.0.1:3100');
  const more = (env['REACTOR_ASSET_DIRS'] ?? '').split(path.delimiter).filter(Boolean);
  return {
    host,
    port,
    renders: path.join(data, 'renders'),
    assets: [path.join(data, 'uploads'), ...more].map((dir) => path.resolve(dir)),
    slots: whole(env, 'REACTOR_SLOTS', 1, 64),
    stall_s: number(env, 'REACTOR_STALL_TIMEOUT_S') ?? 120,
    timeout_s: number(env, 'REACTOR_RENDER_TIMEOUT_S') ?? 3600,
    drain_s: number(env, 'REACTOR_RENDERER_DRAIN_S') ?? 1.5,
    browser: env['REACTOR_BROWSER'] || null,
    tabs: whole(env, 'REACTOR_REMOTION_TABS', 1, os.availableParallelism()),
    opening_s: number(env, 'REACTOR_REMOTION_OPENING_S') ?? 60,
    patience_s: number(env, 'REACTOR_REMOTION_PATIENCE_S') ?? 30,
    films: whole(env, 'REACTOR_REMOTION_RENDERS', 1, 1_000_000) ?? 100,
    work: path.join(data, 'remotion'),
  };
}

function address(url: string): {host: string; port: number} {
  try {
    const {protocol, hostname, port} = new URL(url);
    if (protocol !== 'http:') throw new Error(protocol);
    return {host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || 80)};
  } catch {
    throw new BadConfiguration(
      `REACTOR_RENDERER_URL: '${url}' cannot be used; write it like http://127.0.0.1:3100`,
    );
  }
}

function number(env: NodeJS.ProcessEnv, name: string): number | null {
  const said = env[name];
  if (!said) return null;
  const value = Number(said);
  if (!(value > 0 && Number.isFinite(value)))
    throw new BadConfiguration(`${name}: '${said}' is not a number above 0`);
  return value;
}

function whole(env: NodeJS.ProcessEnv, name: string, least: number, most: number): number | null {
  const value = number(env, name);
  if (value === null) return null;
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new BadConfiguration(`${name}: ${value} is not a whole number from ${least} to ${most}`);
  }
  return value;
}
