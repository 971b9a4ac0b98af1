/** Temporary places: one for each render, gone when it ends; what a killed server left is swept at the next start. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/** What a socket's path may have, and what a browser's has behind the directory that it is given. */
const SOCKET_PATH = 107;
const SOCKET = '/1234567-1234/org.chromium.Chromium.123456/SingletonSocket';
const uid = process.getuid?.() ?? 0;
const PART_AGE_MS = 600_000;
/** A cancelled render may still write for a moment, into a directory that was removed already. */
const LATE_MS = [1_000, 10_000];

export class Scratch {
  private count = 0;
  private readonly renders: string;
  private readonly homes: string;

  constructor(work: string) {
    this.renders = path.join(work, 'tmp');
    this.homes = homes(work);
  }

  /** An empty directory for a render, on the disk its file will be on. */
  forRender(): string {
    return this.make(this.renders);
  }

  /** Its render has ended. */
  giveBack(directory: string): void {
    Scratch.remove(directory);
    for (const ms of LATE_MS) {
      setTimeout(() => {
        Scratch.remove(directory);
      }, ms).unref();
    }
  }

  /** A name for a worker's own things, its browser's profile among them. */
  forWorker(): string {
    return this.make(this.homes);
  }

  /** What cannot be removed is swept at the next start. */
  private static remove(directory: string): void {
    try {
      fs.rmSync(directory, {recursive: true, force: true, maxRetries: 3});
    } catch (wrong) {
      console.error(wrong);
    }
  }

  /** Remove what servers left that are no more. */
  sweep(): void {
    for (const place of [this.renders, this.homes]) {
      for (const name of entries(place)) {
        if (!isRunning(Number.parseInt(name, 10))) Scratch.remove(path.join(place, name));
      }
    }
  }

  /** Remove what is ours, at the end. */
  sweepOwn(): void {
    for (const place of [this.renders, this.homes]) {
      for (const name of entries(place).filter((one) => one.startsWith(`${process.pid}-`))) {
        Scratch.remove(path.join(place, name));
      }
    }
  }

  private make(place: string): string {
    this.count += 1;
    const directory = path.join(place, `${process.pid}-${this.count}`);
    Scratch.remove(directory);
    fs.mkdirSync(directory, {recursive: true, mode: 0o700});
    return directory;
  }
}

/** Where workers have their own things: beside the renders, or in a temporary directory when that is too long. */
export function homes(work: string): string {
  const beside = path.join(work, 'home');
  if (fits(beside)) return beside;
  const temporary = fits(path.join(os.tmpdir(), 'reactor-123456')) ? os.tmpdir() : '/tmp';
  const ours = path.join(temporary, `reactor-${uid}`);
  try {
    fs.mkdirSync(ours, {mode: 0o700});
  } catch (wrong) {
    if ((wrong as NodeJS.ErrnoException).code !== 'EEXIST') throw wrong;
  }
  // Anybody may have made something of that name.
  return isOurs(ours) ? ours : fs.mkdtempSync(path.join(temporary, 'reactor-'));
}

function fits(directory: string): boolean {
  return Buffer.byteLength(directory + SOCKET) <= SOCKET_PATH;
}

function isOurs(directory: string): boolean {
  const stat = fs.lstatSync(directory);
  return stat.isDirectory() && stat.uid === uid && (stat.mode & 0o077) === 0;
}

/** Halves that a killed server left among the renders, once nobody can be writing them. */
export function removeLeftovers(renders: string): void {
  for (const name of entries(renders).filter((one) => one.endsWith('.part'))) {
    const file = path.join(renders, name);
    const stat = fs.lstatSync(file, {throwIfNoEntry: false});
    if (stat?.isFile() && Date.now() - stat.mtimeMs > PART_AGE_MS) fs.rmSync(file, {force: true});
  }
}

function entries(place: string): string[] {
  try {
    return fs.readdirSync(place);
  } catch {
    return [];
  }
}

function isRunning(pid: number): boolean {
  if (!(pid > 1) || pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (wrong) {
    return (wrong as NodeJS.ErrnoException).code === 'EPERM';
  }
}
