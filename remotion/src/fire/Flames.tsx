/** The fire on a canvas, a fifth of the picture's size and softly enlarged, with a glow around it. */
import {useLayoutEffect, useMemo, useRef} from 'react';
import {AbsoluteFill} from 'remotion';
import type {Palette} from '../look/palette';
import type {Spectrum} from '../sound/spectrum';
import {colors, Fire} from './fire';

const SHORT_SIDE = 180;

interface FlamesProps {
  heard: Spectrum;
  now: number;
  width: number;
  height: number;
  palette: Palette | undefined;
  seed: number;
}

export function Flames({heard, now, width, height, palette, seed}: FlamesProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const scale = Math.min(1, SHORT_SIDE / Math.min(width, height));
  const wide = Math.round(width * scale);
  const high = Math.round(height * scale);
  const fire = useMemo(() => new Fire(wide, high, colors(palette), seed), [wide, high, palette, seed]);
  useLayoutEffect(() => {
    const context = canvas.current?.getContext('2d');
    if (context) paint(context, fire, heard, now);
  }, [fire, heard, now]);
  return (
    <AbsoluteFill>
      <canvas ref={canvas} width={wide * 2} height={high * 2} style={{width: '100%', height: '100%'}} />
    </AbsoluteFill>
  );
}

function paint(context: CanvasRenderingContext2D, fire: Fire, heard: Spectrum, now: number): void {
  const {wide, high} = fire;
  const image = new ImageData(wide, high);
  fire.draw(image, heard, now);
  const small = new OffscreenCanvas(wide, high);
  small.getContext('2d')?.putImageData(image, 0, 0);
  context.imageSmoothingQuality = 'high';
  context.globalCompositeOperation = 'source-over';
  context.globalAlpha = 1;
  context.filter = 'none';
  context.drawImage(small, 0, 0, wide * 2, high * 2);
  context.globalCompositeOperation = 'lighter';
  context.globalAlpha = 0.3;
  context.filter = `blur(${Math.round(high / 12)}px)`;
  context.drawImage(small, 0, 0, wide * 2, high * 2);
}
