/** How each kind of file is encoded: as the embedded renderer does it, quick and good. */
import type {FfmpegOverrideFn} from '@remotion/renderer';

/** Below 90 gradients band, and the encoder has to work on the blocks. */
export const JPEG_QUALITY = 92;
export const STILL_QUALITY = 92;

type Film = 'mp4' | 'webm' | 'gif';
const CODECS = {mp4: 'h264', webm: 'vp9', gif: 'gif'} as const;

export function codec(container: Film): (typeof CODECS)[Film] {
  return CODECS[container];
}

/** What `renderMedia` is told for a container and a film of that length. */
export function encoding(container: string, length_s: number) {
  switch (container) {
    case 'mp4':
      return {
        codec: CODECS.mp4,
        crf: 19,
        x264Preset: 'superfast',
        colorSpace: 'bt709',
        audioBitrate: '160k',
        ffmpegOverride: soundOnTime(length_s),
        ...KEY_FRAMES,
      } as const;
    case 'webm':
      return {
        codec: CODECS.webm,
        crf: 30,
        colorSpace: 'bt709',
        audioBitrate: '128k',
        ffmpegOverride: realtimeVp9,
      } as const;
    default:
      return {codec: CODECS.gif, numberOfGifLoops: null} as const;
  }
}

const KEY_FRAMES = {gopSize: 60};
const REALTIME = ['-deadline', 'realtime', '-cpu-used', '7', '-row-mt', '1', '-tile-columns', '2'];

/** libvpx at its default takes ten times as long as drawing the frames; the last argument is the file's name. */
const realtimeVp9: FfmpegOverrideFn = ({args}) =>
  args.includes('libvpx-vp9') ? [...args.slice(0, -1), ...REALTIME, ...args.slice(-1)] : args;

/** What the AAC encoder says before the first sample; a test notices when that is another number. */
const PRIMING_S = 2048 / 48_000;

/**
 * Remotion encodes AAC into a file that cannot tell of the priming, and copies it into the mp4: all sound is 43 ms
 * late, and the film that much longer than its pictures. With its packets moved the muxer writes the edit list.
 */
function soundOnTime(length_s: number): FfmpegOverrideFn {
  const moved = `TS-${PRIMING_S}/TB`;
  const shift = `setts=ts=${moved}:duration=min(DURATION\\,${length_s}/TB-(${moved}))`;
  return ({type, args}) =>
    type === 'stitcher' && args.includes('-c:a')
      ? [...args.slice(0, -1), '-bsf:a', shift, ...args.slice(-1)]
      : args;
}
