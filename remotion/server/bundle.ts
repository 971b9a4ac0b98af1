/**
 * The bundle of the compositions: made once, named by what is in it, and found again at the next start.
 * Made in a process of its own, since a bundler's memory is never given back.
 */
import {spawn} from 'node:child_process';
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import {PROJECT} from './settings';

/** All that a bundle is made of; webpack reads the typefaces from the embedded renderer's. */
const SOURCES = ['src', 'public', 'package.json', 'package-lock.json', '../reactor/renderserver/fonts'];
const KEPT = 3;
const LIMIT_MS = 110_000;
const TAIL = 600;

/** The place where bundles are kept: with the project, or where that cannot be written to, with the data. */
export class Bundles {
  private made: {print: string; directory: Promise<string>} | null = null;
  private hashed: {print: string; hash: string} | null = null;

  constructor(
    private readonly otherwise: string,
    private readonly bundling: string,
    private readonly worker: string,
    /** How long a render may use a bundle. */
    private readonly used_s: number,
  ) {}

  /** The directory of the bundle of the sources as they are now. */
  async current(): Promise<string> {
    const made = this.latest();
    const directory = await made;
    if (isWhole(directory)) {
      noteUse(directory);
      return directory;
    }
    // Somebody has cleared it away.
    if (this.made?.directory === made) this.made = null;
    return this.latest();
  }

  /** A few letters for the look that films have now. */
  get look(): string {
    try {
      return this.hash.slice(0, 8);
    } catch {
      // A source is just being saved.
      return this.hashed?.hash.slice(0, 8) ?? 'unknown';
    }
  }

  /** Sixteen letters for everything that a film's look depends on. */
  private get hash(): string {
    const print = footprint();
    if (this.hashed?.print !== print) {
      this.hashed = {print, hash: contentHash([...files(), this.bundling, this.worker])};
    }
    return this.hashed.hash;
  }

  private latest(): Promise<string> {
    const print = footprint();
    if (this.made?.print !== print) {
      const directory = this.find();
      this.made = {print, directory};
      // What could not be made is tried again with the next order.
      directory.catch(() => {
        if (this.made?.directory === directory) this.made = null;
      });
    }
    return this.made.directory;
  }

  private async find(): Promise<string> {
    const name = `bundle-${this.hash}`;
    const places = [path.join(PROJECT, 'build'), this.otherwise];
    const known = places.map((place) => path.join(place, name)).find(isWhole);
    if (known) return known;
    const place = places.find(writable);
    if (!place)
      throw new Error(`there is no place for the bundle: ${places.join(' and ')} cannot be written to`);
    await this.make(path.join(place, name));
    forgetOld(place, name, this.used_s);
    return path.join(place, name);
  }

  private async make(directory: string): Promise<void> {
    const part = `${directory}.${process.pid}.part`;
    const began = Date.now();
    try {
      await this.run(part);
      fs.renameSync(part, directory);
      console.error(`bundled the compositions in ${((Date.now() - began) / 1000).toFixed(1)} s`);
    } catch (wrong) {
      // Another server may have been quicker.
      if (!isWhole(directory)) throw wrong;
    } finally {
      fs.rmSync(part, {recursive: true, force: true});
    }
  }

  private run(out: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const child = spawn(process.execPath, [this.bundling, out], {
        stdio: ['pipe', 'ignore', 'pipe'],
        timeout: LIMIT_MS,
      });
      let said = '';
      child.stderr.on('data', (chunk: Buffer) => {
        said = (said + chunk.toString()).slice(-TAIL);
      });
      child.once('error', reject);
      child.once('exit', (code, signal) => {
        if (code === 0) resolve();
        else
          reject(
            new Error(
              `the compositions cannot be bundled (${signal ?? `exit code ${code ?? '?'}`}): ${said.trim()}`,
            ),
          );
      });
    });
  }
}

/** Changes when any source does; cheap enough to look often. */
function footprint(): string {
  return files()
    .map((file) => {
      const stat = fs.statSync(file, {throwIfNoEntry: false});
      return `${file} ${stat?.mtimeMs ?? 'gone'} ${stat?.size ?? ''}`;
    })
    .join('\n');
}

function contentHash(contents: string[]): string {
  const hash = crypto.createHash('sha256');
  for (const file of contents) {
    hash
      .update(`${path.relative(PROJECT, file)}\0`)
      .update(fs.readFileSync(file))
      .update('\0');
  }
  return hash.digest('hex').slice(0, 16);
}

function files(): string[] {
  return SOURCES.map((source) => path.join(PROJECT, source))
    .flatMap(below)
    .sort();
}

function below(place: string): string[] {
  const stat = fs.statSync(place, {throwIfNoEntry: false});
  if (!stat) return [];
  if (!stat.isDirectory()) return [place];
  return fs.readdirSync(place).flatMap((name) => below(path.join(place, name)));
}

function isWhole(directory: string): boolean {
  return fs.existsSync(path.join(directory, 'index.html'));
}

function writable(place: string): boolean {
  try {
    fs.mkdirSync(place, {recursive: true});
    fs.accessSync(place, fs.constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** When a bundle was used last is when its directory was changed. */
function noteUse(directory: string): void {
  fs.utimes(directory, new Date(), new Date(), () => undefined);
}

/** Remove all but the bundles used last, and none that a render of this or another server may be using. */
function forgetOld(place: string, current: string, used_s: number): void {
  const found = fs
    .readdirSync(place)
    .filter((name) => /^bundle-[0-9a-f]{16}$/.test(name) && name !== current);
  const aged = found.map((name) => ({name, at: fs.statSync(path.join(place, name)).mtimeMs}));
  const unused = ({at}: {at: number}): boolean => Date.now() - at > used_s * 1000;
  for (const {name} of aged
    .sort((a, b) => b.at - a.at)
    .slice(KEPT - 1)
    .filter(unused)) {
    fs.rmSync(path.join(place, name), {recursive: true, force: true});
  }
}
