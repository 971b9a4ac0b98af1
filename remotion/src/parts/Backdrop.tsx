/**
 * Soft lights drifting over a dark ground. Lights are mixed as light adds up, not as screen values do, and
 * rounded with a little noise, so that there are no bands.
 */
import {useLayoutEffect, useMemo, useRef} from 'react';
import {AbsoluteFill} from 'remotion';
import {between, chance} from '../look/chance';
import type {Color, Palette} from '../look/palette';

const LONGER_SIDE = 640;
const GAMMA = 2.2;
const TURN = 2 * Math.PI;
const VIGNETTE = 0.42;
const CELL = 8;
const NOISE = 4099;

interface Light {
  x: number;
  y: number;
  across: number;
  down: number;
  speed: number;
  phase: number;
  turn: number;
  size: number;
}

export function Backdrop(props: {
  palette: Palette;
  seed: number;
  now: number;
  width: number;
  height: number;
}) {
  const {palette, seed, now, width, height} = props;
  const canvas = useRef<HTMLCanvasElement>(null);
  const scale = Math.min(1, LONGER_SIDE / Math.max(width, height));
  const wide = Math.round(width * scale);
  const high = Math.round(height * scale);
  const painter = useMemo(() => new Painter(palette, seed, wide, high), [palette, seed, wide, high]);
  useLayoutEffect(() => {
    const context = canvas.current?.getContext('2d');
    if (context) painter.paint(context, now);
  }, [painter, now]);
  return (
    <AbsoluteFill>
      <canvas ref={canvas} width={wide} height={high} style={{width: '100%', height: '100%'}} />
    </AbsoluteFill>
  );
}

/**
 * Paints the field of light. It is computed at the corners of cells only and runs evenly between them: nobody
 * sees that, and it is forty times as fast.
 */
class Painter {
  private readonly lights: Light[];
  private readonly ground: Color;
  private readonly tones: Color[];
  private readonly noise = new Float32Array(NOISE);
  private readonly image: ImageData;
  private readonly pixels: Uint32Array;
  private readonly across: number;
  private readonly down: number;
  private readonly corners: Float32Array;

  constructor(
    palette: Palette,
    seed: number,
    private readonly wide: number,
    private readonly high: number,
  ) {
    const next = chance(seed);
    this.lights = palette.lights.map((_, index) => light(next, index));
    this.ground = linear(palette.ground);
    this.tones = palette.lights.map(linear);
    const grain = chance(7);
    // Two added chances make a softer noise than one; a half of it rounds.
    for (let i = 0; i < NOISE; i++) this.noise[i] = grain() + grain();
    this.image = new ImageData(wide, high);
    this.pixels = new Uint32Array(this.image.data.buffer);
    this.across = Math.ceil(wide / CELL) + 1;
    this.down = Math.ceil(high / CELL) + 1;
    this.corners = new Float32Array(this.across * this.down * 3);
  }

  paint(context: CanvasRenderingContext2D, now: number): void {
    this.measure(now);
    const {wide, high, corners, noise, pixels} = this;
    const row = new Float32Array(this.across * 3);
    let at = 0;
    for (let y = 0; y < high; y++) {
      const above = Math.floor(y / CELL) * this.across * 3;
      const share = (y % CELL) / CELL;
      for (let i = 0; i < row.length; i++) {
        const upper = corners[above + i] ?? 0;
        row[i] = upper + ((corners[above + row.length + i] ?? upper) - upper) * share;
      }
      // Another start in each row, so that the noise makes no pattern.
      let grain = (y * 1597) % NOISE;
      for (let x = 0; x < wide; x++) {
        const cell = ((x / CELL) | 0) * 3;
        const part = (x % CELL) / CELL;
        const dither = noise[grain] ?? 0;
        grain = grain + 1 === NOISE ? 0 : grain + 1;
        const red = row[cell] ?? 0;
        const green = row[cell + 1] ?? 0;
        const blue = row[cell + 2] ?? 0;
        const r = (red + ((row[cell + 3] ?? 0) - red) * part + dither) | 0;
        const g = (green + ((row[cell + 4] ?? 0) - green) * part + dither) | 0;
        const b = (blue + ((row[cell + 5] ?? 0) - blue) * part + dither) | 0;
        pixels[at++] = r | (g << 8) | (b << 16) | 0xff000000;
      }
    }
    context.putImageData(this.image, 0, 0);
  }

  /** The screen values at the corners of the cells, with room for the noise above and below. */
  private measure(now: number): void {
    const {wide, high, lights, tones} = this;
    const nearX = lights.map((one) => this.nearness(one, now, true));
    const nearY = lights.map((one) => this.nearness(one, now, false));
    for (let j = 0; j < this.down; j++) {
      for (let i = 0; i < this.across; i++) {
        const x = (i * CELL) / wide - 0.5;
        const y = (j * CELL) / high - 0.5;
        const shade = 1 - VIGNETTE * 2 * (x * x + y * y);
        for (let plane = 0; plane < 3; plane++) {
          let amount = this.ground[plane] ?? 0;
          tones.forEach((tone, index) => {
            amount += (tone[plane] ?? 0) * (nearX[index]?.[i] ?? 0) * (nearY[index]?.[j] ?? 0);
          });
          const screen = 255 * Math.min(1, amount) ** (1 / GAMMA) * shade - 0.5;
          this.corners[(j * this.across + i) * 3 + plane] = Math.min(253.4, Math.max(0, screen));
        }
      }
    }
  }

  /** How near a light is to each column or row of corners; the product of both is a round glow. */
  private nearness(one: Light, now: number, across: boolean): number[] {
    const {wide, high} = this;
    const long = Math.max(wide, high);
    const length = across ? wide : high;
    const angle = one.turn * one.speed * now + one.phase;
    const centre = across ? one.x + one.across * Math.sin(angle) : one.y + one.down * Math.cos(angle * 0.8);
    const stretch = length / Math.sqrt(long * Math.min(wide, high));
    return Array.from({length: across ? this.across : this.down}, (_, i) => {
      const distance = ((i * CELL) / length - centre) * stretch;
      return Math.exp(-(distance ** 2) / one.size);
    });
  }
}

function light(next: () => number, index: number): Light {
  const angle = TURN * (index / 3 + between(next, 0, 0.25));
  return {
    x: 0.5 + 0.34 * Math.cos(angle),
    y: 0.5 + 0.32 * Math.sin(angle),
    across: between(next, 0.1, 0.2),
    down: between(next, 0.08, 0.18),
    speed: between(next, 0.35, 0.6),
    phase: between(next, 0, TURN),
    turn: next() < 0.5 ? -1 : 1,
    size: between(next, 0.08, 0.14),
  };
}

/** A screen colour as an amount of light. */
function linear([red, green, blue]: Color): Color {
  return [(red / 255) ** GAMMA, (green / 255) ** GAMMA, (blue / 255) ** GAMMA];
}
