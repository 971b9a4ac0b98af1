/** The spectrum of the sound around a frame; only that stretch of the file is decoded. */
import {useWindowedAudioData} from '@remotion/media-utils';
import {useMemo} from 'react';
import {Spectrum} from './spectrum';

const STRETCH_S = 8;

/** Nothing while it is being decoded; the frame waits. */
export function useHeard(source: string, frame: number, fps: number): Spectrum | undefined {
  const {audioData, dataOffsetInSeconds} = useWindowedAudioData({
    src: source,
    frame,
    fps,
    windowInSeconds: STRETCH_S,
  });
  return useMemo(() => {
    const data = audioData?.channelWaveforms[0];
    if (!audioData || !data) return undefined;
    return new Spectrum({data, rate: audioData.sampleRate, offset: dataOffsetInSeconds});
  }, [audioData, dataOffsetInSeconds]);
}
