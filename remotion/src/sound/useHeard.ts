/** The spectrum of the sound around a frame; only that stretch of the file is decoded. */
import {useWindowedAudioData} from '@remotion/media-utils';
import {useLayoutEffect, useMemo, useState} from 'react';
import {useDelayRender} from 'remotion';
import {Spectrum} from './spectrum';

const STRETCH_S = 8;
const ROUNDED_S = 1e-12;

/**
 * Nothing while it is being decoded; the frame waits. A frame after the sound's end gets the sound's last
 * stretch: what is heard there is silence, and what was just heard dies away.
 */
export function useHeard(source: string, frame: number, fps: number): Spectrum | undefined {
  const [length_s, setLength] = useState<number>();
  const last = length_s === undefined ? 0 : Math.max(0, Math.ceil(length_s * fps) - 1);
  const asked = Math.min(frame, last);
  const {audioData, dataOffsetInSeconds} = useWindowedAudioData({
    src: source,
    frame: asked,
    fps,
    windowInSeconds: STRETCH_S,
  });
  if (audioData && length_s === undefined) setLength(audioData.durationInSeconds);
  const needed = length_s === undefined ? '' : stretches(asked / fps, length_s);
  const heard = useMemo(() => {
    const data = audioData?.channelWaveforms[0];
    // Remotion hands over what it has so far: a neighbour of the stretch alone, or the stretch without it.
    if (!audioData?.resultId.endsWith(`-windows-${needed}`) || !data) return undefined;
    return new Spectrum({data, rate: audioData.sampleRate, offset: dataOffsetInSeconds});
  }, [audioData, dataOffsetInSeconds, needed]);
  useWaiting(heard === undefined);
  return heard;
}

/** The stretch of a moment and those before and after it, as Remotion writes them. */
function stretches(now: number, length_s: number): string {
  const at = Math.floor(now / STRETCH_S);
  const last = Math.floor(length_s / STRETCH_S - ROUNDED_S);
  return [at - 1, at, at + 1].filter((one) => one >= 0 && one <= Math.max(at, last)).join(',');
}

/** The frame is not taken before it is over. */
function useWaiting(waits: boolean): void {
  const {delayRender, continueRender} = useDelayRender();
  useLayoutEffect(() => {
    if (!waits) return undefined;
    const handle = delayRender('reading the sound');
    return () => {
      continueRender(handle);
    };
  }, [waits, delayRender, continueRender]);
}
