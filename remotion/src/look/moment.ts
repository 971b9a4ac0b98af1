/** Now, in seconds and frames. */
import {useCurrentFrame, useVideoConfig} from 'remotion';

export interface Moment {
  now: number;
  length: number;
  frame: number;
  fps: number;
}

export function useMoment(): Moment {
  const frame = useCurrentFrame();
  const {fps, durationInFrames} = useVideoConfig();
  return {now: frame / fps, length: durationInFrames / fps, frame, fps};
}
