/** How loud each pitch of a sound is at a moment: bands of equal musical width, as one hears them. */
import {transform} from './fft';

export const BANDS = 72;
const SIZE = 4096;
const LOWEST = 40;
const HIGHEST = 12_000;
const FLOOR_DB = -66;
const RANGE_DB = 58;
/** High pitches are quieter in almost everything, and seem as loud. */
const TILT_DB_PER_OCTAVE = 3.2;
const PIVOT = 400;
const HELD = 0.86;
const HELD_TICKS = 12;
export const TICKS_PER_S = 30;
/** How far around a moment a louder one is looked for. */
const NEAR_S = 1.5;

/** A stretch of samples that begins `offset` seconds into the sound. */
export interface Samples {
  data: Float32Array;
  rate: number;
  offset: number;
}

/** Bands of one stretch, remembered: one frame's past is the frame's before. */
export class Spectrum {
  private readonly raw = new Map<number, Float32Array>();
  private readonly held = new Map<number, Float32Array>();

  constructor(private readonly samples: Samples) {}

  /** How loud each band is, 0 to 1, going down more slowly than up; between two ticks what is between. */
  at(time: number): Float32Array {
    const tick = Math.floor(time * TICKS_PER_S);
    const share = time * TICKS_PER_S - tick;
    const low = this.heldAt(tick);
    if (share < 1e-6) return low;
    const high = this.heldAt(tick + 1);
    return low.map((value, band) => value + ((high[band] ?? 0) - value) * share);
  }

  /** The loudest moment around one, the earliest of equals. */
  loudestNear(time: number): number {
    const middle = Math.round(time * TICKS_PER_S);
    const near = Math.round(NEAR_S * TICKS_PER_S);
    let best = Math.max(0, middle - near);
    for (let tick = best + 1; tick <= middle + near; tick++) {
      if (this.loudnessAt(tick) > this.loudnessAt(best)) best = tick;
    }
    return best / TICKS_PER_S;
  }

  private loudnessAt(tick: number): number {
    return this.heldAt(tick).reduce((sum, band) => sum + band, 0);
  }

  private heldAt(tick: number): Float32Array {
    const known = this.held.get(tick);
    if (known) return known;
    const held = new Float32Array(BANDS);
    for (let back = 0; back < HELD_TICKS; back++) {
      const fading = HELD ** back;
      this.rawAt(tick - back).forEach((value, band) => {
        held[band] = Math.max(held[band] ?? 0, value * fading);
      });
    }
    this.held.set(tick, held);
    return held;
  }

  private rawAt(tick: number): Float32Array {
    const known = this.raw.get(tick);
    if (known) return known;
    const {data, rate, offset} = this.samples;
    const bands = bandsOf(data, Math.round((tick / TICKS_PER_S - offset) * rate), rate);
    this.raw.set(tick, bands);
    return bands;
  }
}

const WINDOW = Float32Array.from({length: SIZE}, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / SIZE));

function bandsOf(data: Float32Array, middle: number, rate: number): Float32Array {
  const bands = new Float32Array(BANDS);
  const from = middle - SIZE / 2;
  if (from >= data.length || from + SIZE <= 0) return bands;
  const re = new Float32Array(SIZE);
  for (let i = 0; i < SIZE; i++) re[i] = (data[from + i] ?? 0) * (WINDOW[i] ?? 0);
  const im = new Float32Array(SIZE);
  transform(re, im);
  for (let band = 0; band < BANDS; band++) {
    const [low, high] = [edge(band), edge(band + 1)];
    const loudest = peak(re, im, (low * SIZE) / rate, (high * SIZE) / rate);
    const tilt = TILT_DB_PER_OCTAVE * Math.log2(low / PIVOT);
    const loud_db = 20 * Math.log10(loudest / (SIZE / 4) + 1e-9) + tilt;
    bands[band] = Math.min(1, Math.max(0, (loud_db - FLOOR_DB) / RANGE_DB)) ** 1.6;
  }
  return bands;
}

function edge(band: number): number {
  return LOWEST * (HIGHEST / LOWEST) ** (band / BANDS);
}

/** The strongest between two places; low bands are narrower than the places lie apart. */
function peak(re: Float32Array, im: Float32Array, low: number, high: number): number {
  const strength = (i: number) => Math.hypot(re[i] ?? 0, im[i] ?? 0);
  const between = (place: number) => {
    const i = Math.floor(place);
    return strength(i) + (strength(i + 1) - strength(i)) * (place - i);
  };
  let loudest = Math.max(between(low), between(high));
  for (let i = Math.ceil(low); i < high; i++) loudest = Math.max(loudest, strength(i));
  return loudest;
}
