/** A film's pictures, filling the frame or whole over a dark blur of themselves. */
import {useCallback, useRef} from 'react';
import {AbsoluteFill, OffthreadVideo} from 'remotion';

/** The blur is painted that much smaller; nothing is lost, and it costs next to nothing. */
const BLUR_SHRINK = 12;
/** Pixels around the blur that are not seen: it fades out at its edges. */
const BEYOND = 18;

interface FilmProps {
  source: string;
  /** Frames of the video's rate that are left out before it. */
  skipped: number;
  fit: 'contain' | 'cover';
  silent: boolean;
  width: number;
  height: number;
}

export function Film({source, skipped, fit, silent, width, height}: FilmProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const wide = Math.ceil(width / BLUR_SHRINK);
  const high = Math.ceil(height / BLUR_SHRINK);
  const blur = useCallback((picture: CanvasImageSource) => {
    const context = canvas.current?.getContext('2d');
    if (context) paintCovering(context, picture);
  }, []);
  return (
    <AbsoluteFill style={{background: 'black'}}>
      {fit === 'contain' && (
        <canvas
          ref={canvas}
          width={wide}
          height={high}
          style={{position: 'absolute', width: '100%', height: '100%'}}
        />
      )}
      <OffthreadVideo
        src={source}
        trimBefore={skipped}
        muted={silent}
        pauseWhenBuffering
        onVideoFrame={fit === 'contain' ? blur : undefined}
        style={{position: 'absolute', width: '100%', height: '100%', objectFit: fit}}
      />
    </AbsoluteFill>
  );
}

/** The middle of the picture, darker, paler and blurred. */
function paintCovering(context: CanvasRenderingContext2D, picture: CanvasImageSource): void {
  const {width, height} = context.canvas;
  const [w, h] = sizeOf(picture);
  const scale = Math.max(width / w, height / h) * (1 + BEYOND / Math.min(width, height));
  context.filter = 'brightness(0.46) saturate(0.75) blur(2.5px)';
  context.imageSmoothingQuality = 'high';
  context.drawImage(picture, (width - w * scale) / 2, (height - h * scale) / 2, w * scale, h * scale);
}

function sizeOf(picture: CanvasImageSource): [number, number] {
  if (picture instanceof HTMLImageElement) return [picture.naturalWidth, picture.naturalHeight];
  if (picture instanceof HTMLVideoElement) return [picture.videoWidth, picture.videoHeight];
  if (picture instanceof VideoFrame) return [picture.displayWidth, picture.displayHeight];
  return [Number(picture.width), Number(picture.height)];
}
