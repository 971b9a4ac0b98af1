/** The colours of a card: chosen for good contrast, picked by niche and title, always the same ones. */
import {blake2s} from './blake2s';

export type Color = readonly [red: number, green: number, blue: number];

/** A dark ground, three lights that drift over it, and an accent that stands out. */
export interface Palette {
  ground: Color;
  lights: readonly [Color, Color, Color];
  accent: Color;
}

/** Sorted, because their order decides which one a title gets. */
export const PALETTE_NAMES = [
  'aurora',
  'berry',
  'dusk',
  'ember',
  'forest',
  'gold',
  'night',
  'ocean',
  'steel',
  'violet',
] as const;
export type PaletteName = (typeof PALETTE_NAMES)[number];

export const PALETTES: Record<PaletteName, Palette> = {
  aurora: palette('051018', '0c7a63 1d4fa6 5d2a9e', '8affd0'),
  berry: palette('16061a', 'a81d5c 6a1fa8 c0392f', 'ff9fb8'),
  dusk: palette('100a1e', 'b03a48 54308f c46a1f', 'ffd27d'),
  ember: palette('14060a', 'a3260f 5e0f3c c2560c', 'ffb454'),
  forest: palette('05140e', '0f6b43 2f7a18 0a4f5c', 'b6f09c'),
  gold: palette('141006', '93630c 7a3a12 5b6b14', 'ffdf70'),
  night: palette('070a18', '22309a 0f5aa8 5a1f8f', 'a9b8ff'),
  ocean: palette('04101f', '0b4f8a 0a7d86 27308f', '5fe3d0'),
  steel: palette('0a0f16', '2f5377 3c4a86 1c6b78', '9fd6ff'),
  violet: palette('0d0720', '5a22b0 a01f7d 1f3fae', 'ffa8e2'),
};

/** The named palette, or the one of the niche; without a niche, of the title. */
export function choose(niche: string, title: string, name?: PaletteName): Palette {
  const index = numberOf(niche || title) % PALETTE_NAMES.length;
  return PALETTES[name ?? PALETTE_NAMES[index] ?? 'night'];
}

/** A number that is the same for the same text on every machine and in every run. */
export function numberOf(text: string): number {
  const digest = blake2s(new TextEncoder().encode(text), 6);
  return digest.reduce((number, byte) => number * 256 + byte, 0);
}

/** A colour as CSS writes it. */
export function css([red, green, blue]: Color, opacity = 1): string {
  return `rgb(${red} ${green} ${blue} / ${opacity})`;
}

function palette(ground: string, lights: string, accent: string): Palette {
  const [first = '', second = '', third = ''] = lights.split(' ');
  return {ground: color(ground), lights: [color(first), color(second), color(third)], accent: color(accent)};
}

function color(code: string): Color {
  const part = (from: number) => parseInt(code.slice(from, from + 2), 16);
  return [part(0), part(2), part(4)];
}
