/** Chance that is the same for the same seed; not for secrets. */

/** A source of numbers from 0 up to 1. */
export function chance(seed: number): () => number {
  // Seeds go up to 2^53, the state has 32 bits: both halves count.
  let state = ((seed % 2 ** 32) ^ (Math.floor(seed / 2 ** 32) * 0x9e3779b1)) >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A number between two. */
export function between(next: () => number, low: number, high: number): number {
  return low + (high - low) * next();
}
