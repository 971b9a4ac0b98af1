/**
 * Fire fed by a spectrum, a picture of one moment that needs no moment before it: the higher a place is,
 * the older the sound that burns there, and noise that drifts upwards tears the flames.
 */
import type {Color, Palette} from '../look/palette';
import {between, chance} from '../look/chance';
import {BANDS, type Spectrum} from '../sound/spectrum';
import {Noise} from './noise';

const RISES_S = 0.34;
const LAYERS = 24;
const CELL = 9;
/** Points between two at which the slow noise is looked up. */
const BENDS = 6;
const UPWARDS = 2.1;
const GRADIENT: readonly (readonly [number, Color])[] = [
  [0, [7, 4, 12]],
  [26, [26, 6, 20]],
  [70, [92, 10, 22]],
  [118, [196, 42, 12]],
  [164, [246, 116, 14]],
  [206, [255, 190, 52]],
  [240, [255, 236, 150]],
  [255, [255, 250, 226]],
];
const SPARKS = 46;
const GRAINS = 4099;

/** From heat to red, green and blue, a thousand steps. */
export type Colors = Float32Array;
const STEPS = 1000;

/** The colours of fire, or those of a palette. */
export function colors(palette: Palette | undefined): Colors {
  const stops = palette ? glowing(palette) : GRADIENT;
  const table = new Float32Array((STEPS + 1) * 3);
  for (let step = 0; step <= STEPS; step++) {
    const heat = (step / STEPS) * 255;
    const above = Math.max(
      1,
      stops.findIndex(([at]) => at >= heat),
    );
    const [low, dark] = stops[above - 1] ?? [0, [0, 0, 0]];
    const [high, bright] = stops[above] ?? [255, [255, 255, 255]];
    const share = (heat - low) / (high - low);
    for (let plane = 0; plane < 3; plane++) {
      const from = dark[plane] ?? 0;
      // Room for the noise that is added, which rounds as well.
      const level = from + ((bright[plane] ?? 0) - from) * share - 0.5;
      table[step * 3 + plane] = Math.min(253.4, Math.max(0, level));
    }
  }
  return table;
}

function glowing({ground, lights, accent}: Palette): [number, Color][] {
  const [first, second] = lights;
  return [
    [0, mixed(ground, [0, 0, 0], 0.35)],
    [40, ground],
    [100, mixed(second, first, 0.4)],
    [150, first],
    [200, mixed(first, accent, 0.75)],
    [235, accent],
    [255, mixed(accent, [255, 255, 255], 0.8)],
  ];
}

function mixed(a: Color, b: Color, share: number): Color {
  return [0, 1, 2].map(
    (plane) => (a[plane] ?? 0) + ((b[plane] ?? 0) - (a[plane] ?? 0)) * share,
  ) as unknown as Color;
}

/** Draws fire of one size. */
export class Fire {
  private readonly turbulence: Noise;
  private readonly sparks: Spark[];
  private readonly grain = new Float32Array(GRAINS);
  private readonly heat: Float32Array;

  constructor(
    readonly wide: number,
    readonly high: number,
    private readonly colors: Colors,
    seed: number,
  ) {
    this.turbulence = new Noise(seed);
    this.heat = new Float32Array(wide * high);
    const next = chance(seed + 1);
    this.sparks = Array.from({length: SPARKS}, () => spark(next));
    for (let i = 0; i < this.grain.length; i++) this.grain[i] = next() + next();
  }

  /** The fire at a moment. */
  draw(image: ImageData, heard: Spectrum, now: number): void {
    this.burn(heard, now);
    this.scatter(heard, now);
    const {heat, colors, grain} = this;
    const pixels = new Uint32Array(image.data.buffer);
    for (let i = 0, noise = 0; i < heat.length; i++) {
      const step = Math.min(STEPS, ((heat[i] ?? 0) * STEPS) | 0) * 3;
      const dither = grain[noise] ?? 0;
      noise = noise + 1 === GRAINS ? 0 : noise + 1;
      const r = ((colors[step] ?? 0) + dither) | 0;
      const g = ((colors[step + 1] ?? 0) + dither) | 0;
      const b = ((colors[step + 2] ?? 0) + dither) | 0;
      pixels[i] = r | (g << 8) | (b << 16) | 0xff000000;
    }
  }

  private burn(heard: Spectrum, now: number): void {
    const {wide, high, heat, turbulence} = this;
    const short = Math.min(wide, high);
    const past = Array.from({length: LAYERS + 1}, (_, layer) =>
      spreadOut(heard.at(Math.max(0, now - (layer / LAYERS) * RISES_S)), wide),
    );
    const scale = CELL / short;
    for (let row = 0; row < high; row++) {
      const height = 1 - (row + 0.5) / high;
      const layer = Math.min(LAYERS - 1e-3, height * LAYERS);
      const newer = past[Math.floor(layer)];
      const older = past[Math.ceil(layer)];
      const share = layer - Math.floor(layer);
      const up = row * scale + now * UPWARDS * 2.4;
      let bend = 0;
      let step = 0;
      let following = turbulence.at(90, up * 0.42) - 0.5;
      for (let column = 0; column < wide; column++) {
        const across = column * scale;
        // Slow, large noise bends the flames; quicker, smaller noise tears them.
        if (column % BENDS === 0) {
          bend = following;
          following = turbulence.at((column + BENDS) * scale * 0.55 + 90, up * 0.42) - 0.5;
          step = (following - bend) / BENDS;
        } else {
          bend += step;
        }
        const coarse = turbulence.at(across * 1.1 + bend * 1.6 + 5, up * 0.8);
        const fine = turbulence.at(across * 2.6 + bend * 2 + 31, up * 1.7 + 7);
        const sway = bend * short * (0.1 + 0.55 * height) + (fine - 0.5) * short * 0.05;
        const from = Math.min(wide - 1, Math.max(0, column + sway)) | 0;
        const fed = (newer?.[from] ?? 0) * (1 - share) + (older?.[from] ?? 0) * share;
        heat[row * wide + column] = burning(height, fed, coarse * 0.6 + fine * 0.4);
      }
    }
  }

  private scatter(heard: Spectrum, now: number): void {
    for (const one of this.sparks) {
      const age = (now * one.speed + one.phase) % 1;
      const born = Math.max(0, now - age / one.speed);
      const turn = Math.floor(now * one.speed + one.phase);
      const x = (one.x + turn * 0.381_966) % 1;
      const band = Math.min(BANDS - 1, Math.floor(Math.abs(x - 0.5) * 2 * BANDS));
      const glow = (heard.at(born)[band] ?? 0) * (1 - age) ** 1.4;
      if (glow < 0.05) continue;
      const sway = Math.sin(age * 7 + one.phase * 9) * 0.03 * age;
      this.dot((x + sway) * this.wide, (0.86 - age * one.reach) * this.high, glow * 1.25, one.size);
    }
  }

  private dot(x: number, y: number, glow: number, size: number): void {
    const {wide, high, heat} = this;
    const radius = (Math.min(wide, high) / 180) * size;
    const reach = Math.ceil(radius * 2);
    for (let row = Math.floor(y) - reach; row <= y + reach; row++) {
      for (let column = Math.floor(x) - reach; column <= x + reach; column++) {
        if (row < 0 || column < 0 || row >= high || column >= wide) continue;
        const distance = ((row + 0.5 - y) ** 2 + (column + 0.5 - x) ** 2) / radius ** 2;
        const i = row * wide + column;
        heat[i] = Math.min(1, (heat[i] ?? 0) + glow * Math.exp(-distance));
      }
    }
  }
}

interface Spark {
  x: number;
  phase: number;
  speed: number;
  reach: number;
  size: number;
}

function spark(next: () => number): Spark {
  return {
    x: next(),
    phase: next(),
    speed: between(next, 0.35, 0.8),
    reach: between(next, 0.35, 0.85),
    size: between(next, 0.45, 0.95),
  };
}

/** The heat at a height over the floor, of what is fed there, torn by noise. */
function burning(height: number, fed: number, torn: number): number {
  const reach = 0.06 + 0.78 * fed;
  const along = height / reach;
  const body = 1.08 - along + (torn - 0.5) * (0.9 + 1.1 * Math.min(1, along));
  // Up there stand the words.
  const tamed = Math.min(1, Math.max(0, (0.84 - height) / 0.34));
  const flame = body > 0 ? tamed * body * (0.42 + 0.5 * fed + 0.2 * torn) : 0;
  const embers = 0.34 * Math.max(0, 1 - height / 0.2) * (0.4 + torn * 0.9);
  const haze = 0.12 * fed * Math.max(0, 1 - height * 1.2);
  return Math.min(1, Math.max(flame, embers) + haze);
}

/** The bands across the picture, mirrored, the low ones in the middle, with soft changes. */
function spreadOut(bands: Float32Array, wide: number): Float32Array {
  const soft = smoothed(smoothed(bands));
  const spread = new Float32Array(wide);
  for (let column = 0; column < wide; column++) {
    const place = Math.abs((column + 0.5) / wide - 0.5) * 2 * (BANDS - 1);
    const low = place | 0;
    const from = soft[low] ?? 0;
    spread[column] = from + ((soft[low + 1] ?? from) - from) * (place - low);
  }
  return spread;
}

/** Each band with its neighbours: a flame is wider than a tone. */
function smoothed(bands: Float32Array): Float32Array {
  const at = (band: number) => bands[Math.min(BANDS - 1, Math.max(0, band))] ?? 0;
  return bands.map((_, i) => (at(i - 2) + 2 * at(i - 1) + 3 * at(i) + 2 * at(i + 1) + at(i + 2)) / 9);
}
