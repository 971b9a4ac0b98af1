/** What runs below a process and how much memory that holds, where `/proc` tells; elsewhere nothing is known. */
import fs from 'node:fs';

const PAGE = 4096;

/** Everything that descends from a process, whichever group or session it is in. */
export function below(pid: number): number[] {
  const children = new Map<number, number[]>();
  for (const [child, parent] of parents()) children.set(parent, [...(children.get(parent) ?? []), child]);
  const found: number[] = [];
  for (
    let next = children.get(pid) ?? [];
    next.length;
    next = next.flatMap((one) => children.get(one) ?? [])
  ) {
    found.push(...next);
  }
  return found;
}

/** Megabytes that these processes hold and do not share. */
export function memoryOf(pids: number[]): number {
  return pids.map(ownMemory).reduce((sum, one) => sum + one, 0);
}

function parents(): [number, number][] {
  return entries().flatMap((name): [number, number][] => {
    const parent = parentOf(name);
    return parent === null ? [] : [[Number(name), parent]];
  });
}

function entries(): string[] {
  try {
    return fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  } catch {
    return [];
  }
}

function parentOf(pid: string): number | null {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name in brackets may hold anything, brackets too.
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return null;
  }
}

function ownMemory(pid: number): number {
  try {
    const [, resident = 0, shared = 0] = fs.readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ').map(Number);
    return ((resident - shared) * PAGE) / 1e6;
  } catch {
    return 0;
  }
}
