/** Gives a finished file its name: whole, on the disk, and never in place of another. */
import fs from 'node:fs/promises';
import {badInput} from './failure';

/** Move the file to its name by way of `<name>.part`; only then is it seen, and only if nobody has cancelled it. */
export async function publish(file: string, output: string, signal: AbortSignal): Promise<void> {
  const part = `${output}.part`;
  try {
    await move(file, part);
    await flush(part);
    signal.throwIfAborted();
    await fs.link(part, output);
  } catch (wrong) {
    const {code} = wrong as NodeJS.ErrnoException;
    if (code === 'EEXIST')
      throw badInput('output_path', `'${output}' exists already`, 'a name that is not taken');
    throw wrong;
  } finally {
    await fs.rm(part, {force: true});
  }
}

async function move(from: string, to: string): Promise<void> {
  try {
    await fs.rename(from, to);
  } catch (wrong) {
    if ((wrong as NodeJS.ErrnoException).code !== 'EXDEV') throw wrong;
    await fs.copyFile(from, to);
  }
}

async function flush(path: string): Promise<void> {
  const file = await fs.open(path, 'r+');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
