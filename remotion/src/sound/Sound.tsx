/** A sound under the pictures, cut with a fade where the film ends before it. */
import {Html5Audio, useVideoConfig} from 'remotion';

const FADE_OUT_S = 1.2;

export function Sound({source}: {source: string | undefined}) {
  const {fps, durationInFrames} = useVideoConfig();
  if (source === undefined) return null;
  const fade = Math.min(FADE_OUT_S, durationInFrames / fps / 4) * fps;
  const volume = (frame: number) => Math.min(1, Math.max(0, (durationInFrames - frame) / fade));
  return <Html5Audio src={source} volume={volume} />;
}
