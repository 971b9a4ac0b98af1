/** The only directories a render may write to and read from, whatever links and dots say. */
import fs from 'node:fs';
import path from 'node:path';
import {badInput} from './failure';

export interface Places {
  renders: string;
  assets: string[];
}

const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]/u;

/** The real path of a file to read; a relative one is looked for in the first directory. */
export function asset(field: string, value: string, allowed: string[]): string {
  if (value === '') throw badInput(field, 'is empty', 'the path of a file');
  if (UNPRINTABLE.test(value)) throw badInput(field, 'has control characters', 'the path of a file');
  const found = real(field, path.resolve(allowed[0] ?? '/', value));
  const roots = allowed.map((root) => real(field, root));
  if (!roots.some((root) => inside(found, root))) {
    throw badInput(field, `'${value}' is outside the directories for assets`, roots.join(', '));
  }
  const stat = fs.statSync(found, {throwIfNoEntry: false});
  if (!stat?.isFile()) {
    throw badInput(field, `'${value}' ${stat ? 'is not a file' : 'does not exist'}`, 'the path of a file');
  }
  try {
    fs.accessSync(found, fs.constants.R_OK);
  } catch {
    throw badInput(field, `'${value}' cannot be read by the renderer`);
  }
  return found;
}

/** The real path of the file to write, below the render directory. */
export function outputPath(value: string, container: string, renders: string): string {
  const field = 'output_path';
  const allowed = `a path below ${renders}`;
  if (!value) throw badInput(field, 'is missing', allowed);
  if (value === '') throw badInput(field, 'is empty', 'the path of a file');
  if (UNPRINTABLE.test(value)) throw badInput(field, 'has control characters', allowed);
  if (path.extname(value) !== `.${container}`) {
    throw badInput(field, `'${value}' has another ending`, `.${container}`);
  }
  const given = path.resolve(renders, value);
  const folder = real(field, path.dirname(given));
  const found = path.join(folder, path.basename(given));
  if (!inside(found, real(field, renders))) {
    throw badInput(field, `'${value}' is outside the render directory`, renders);
  }
  if (!fs.statSync(folder, {throwIfNoEntry: false})?.isDirectory()) {
    throw badInput(field, `the directory of '${value}' does not exist`);
  }
  if (fs.lstatSync(found, {throwIfNoEntry: false})) {
    throw badInput(field, `'${value}' exists already`, 'a name that is not taken');
  }
  return found;
}

function inside(found: string, root: string): boolean {
  const way = path.relative(root, found);
  return way !== '' && way !== '..' && !way.startsWith(`..${path.sep}`) && !path.isAbsolute(way);
}

/** The path with every link followed; what does not exist ends in the part of it that does. */
function real(field: string, given: string): string {
  const missing: string[] = [];
  for (let at = given; ; at = path.dirname(at)) {
    try {
      return path.join(fs.realpathSync(at), ...missing);
    } catch (wrong) {
      const {code} = wrong as NodeJS.ErrnoException;
      if ((code !== 'ENOENT' && code !== 'ENOTDIR') || at === path.dirname(at)) {
        throw badInput(field, 'cannot be a path', 'the path of a file');
      }
      missing.unshift(path.basename(at));
    }
  }
}
