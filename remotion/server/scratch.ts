/** Temporary places: one for each render, gone when it ends; what a killed server left is swept at the next start. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/** A socket's path may have 108 characters, and a browser wants many of them. */
const LONGEST = 60;
const PART_AGE_MS = 600_000;
/** A cancelled render may still write for a moment, into a directory that was removed already. */
const LATE_MS = [1_000, 10_000];

export class Scratch {
  private count = 0;
  private readonly renders: string;
  private readonly homes: string;

  constructor(work: string) {
    this.renders = path.join(work, 'tmp');
    this.homes = work.length > LONGEST ? path.join(os.tmpdir(), 'reactor-remotion') : path.join(work, 'home');
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
