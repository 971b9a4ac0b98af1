/** Cloudy noise that does not end: smooth between points of a lattice, octaves of it added up. */
import {chance} from '../look/chance';

const SIDE = 256;
const MASK = SIDE - 1;

export class Noise {
  private readonly lattice = new Float32Array(SIDE * SIDE);

  constructor(seed: number) {
    const next = chance(seed);
    for (let i = 0; i < this.lattice.length; i++) this.lattice[i] = next();
  }

  /** 0 to 1; for places from 0 on. */
  at(x: number, y: number): number {
    const left = x | 0;
    const top = y | 0;
    const fx = x - left;
    const fy = y - top;
    const sx = fx * fx * (3 - 2 * fx);
    const sy = fy * fy * (3 - 2 * fy);
    const row = (top & MASK) * SIDE;
    const below = ((top + 1) & MASK) * SIDE;
    const a = this.lattice[row + (left & MASK)] ?? 0;
    const b = this.lattice[row + ((left + 1) & MASK)] ?? 0;
    const c = this.lattice[below + (left & MASK)] ?? 0;
    const d = this.lattice[below + ((left + 1) & MASK)] ?? 0;
    const upper = a + (b - a) * sx;
    return upper + (c + (d - c) * sx - upper) * sy;
  }
}
