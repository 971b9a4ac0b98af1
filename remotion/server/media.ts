/**
 * Looks into the files an order names: their first bytes say what they are, and one forced demuxer measures them.
 * Names and endings say nothing, and no file can have another one opened.
 */
import fs from 'node:fs/promises';
import {RenderInternals} from '@remotion/renderer';
import type {Measured} from '../src/contract';
import {badInput, RenderFailed} from './failure';

export const LOOK_S = 30;
const HEAD = 400;
const TS_PACKET = 188;
const TS_SYNC = 0x47;
const IMAGES = 'jpg, png, webp, gif, bmp';
const SOUNDS = 'mp3, wav, m4a, aac, ogg, oga, opus, flac, aif, aiff';
const FILMS = 'mp4, mov, mkv, webm, avi, ts';

type Signature = (head: Buffer) => boolean;

const begins =
  (word: string, at = 0): Signature =>
  (head) =>
    head.subarray(at, at + word.length).toString('latin1') === word;
const both =
  (...all: Signature[]): Signature =>
  (head) =>
    all.every((one) => one(head));
const some =
  (...any: Signature[]): Signature =>
  (head) =>
    any.some((one) => one(head));

const QUICKTIME = some(
  ...['ftyp', 'moov', 'mdat', 'wide', 'free', 'skip', 'pnot'].map((box) => begins(box, 4)),
);
const IMAGE = some(
  begins('\xff\xd8\xff'),
  begins('\x89PNG\r\n\x1a\n'),
  begins('GIF8'),
  both(begins('RIFF'), begins('WEBP', 8)),
  begins('BM'),
);
const SOUND: Record<string, Signature> = {
  wav: both(begins('RIFF'), begins('WAVE', 8)),
  aiff: both(begins('FORM'), some(begins('AIFF', 8), begins('AIFC', 8))),
  flac: begins('fLaC'),
  ogg: begins('OggS'),
  mov: begins('ftyp', 4),
  matroska: begins('\x1aE\xdf\xa3'),
  aac: (head) => head[0] === 0xff && ((head[1] ?? 0) & 0xf6) === 0xf0,
  mp3: some(
    begins('ID3'),
    (head) => head[0] === 0xff && ((head[1] ?? 0) & 0xe0) === 0xe0 && ((head[1] ?? 0) & 6) !== 0,
  ),
};
const FILM: Record<string, Signature> = {
  mov: QUICKTIME,
  matroska: begins('\x1aE\xdf\xa3'),
  avi: both(begins('RIFF'), begins('AVI ', 8)),
  mpegts: (head) =>
    [0, 4].some(
      (at) =>
        head[at] === TS_SYNC && head[at + TS_PACKET + at] === TS_SYNC && head.length > at + TS_PACKET + at,
    ),
};

/** RenderFailed(input) unless the file begins as an image does. */
export async function lookAtImage(field: string, path: string): Promise<void> {
  if (!IMAGE(await headOf(path))) throw badInput(field, `'${path}' is not an image`, IMAGES);
}

/** The length of a sound. */
export async function measureSound(field: string, path: string): Promise<number> {
  const demuxer = await demuxerOf(path, SOUND);
  if (!demuxer) throw badInput(field, `'${path}' is not an audio file`, SOUNDS);
  const {streams, duration_s} = await probed(field, path, demuxer, SOUNDS);
  if (!streams.some((one) => one.codec_type === 'audio'))
    throw badInput(field, `'${path}' has no sound in it`, SOUNDS);
  return duration_s;
}

/** What a film measures. */
export async function measureFilm(field: string, path: string): Promise<Measured> {
  const demuxer = await demuxerOf(path, FILM);
  if (!demuxer) throw badInput(field, `'${path}' is not a video`, FILMS);
  const {streams, duration_s} = await probed(field, path, demuxer, FILMS);
  const pictures = streams.find((one) => one.codec_type === 'video' && !one.disposition?.attached_pic);
  if (!pictures) throw badInput(field, `'${path}' has no moving pictures in it`, FILMS);
  return {
    // The sound is often a little longer than the pictures, and a film ends with its pictures.
    duration_s: Number(pictures.duration) || duration_s,
    fps: rate(pictures.r_frame_rate) ?? rate(pictures.avg_frame_rate),
    has_sound: streams.some((one) => one.codec_type === 'audio'),
  };
}

interface Stream {
  codec_type?: string;
  duration?: string;
  r_frame_rate?: string;
  avg_frame_rate?: string;
  disposition?: {attached_pic?: number};
}

async function headOf(path: string): Promise<Buffer> {
  const file = await fs.open(path, 'r');
  try {
    const {buffer, bytesRead} = await file.read(Buffer.alloc(HEAD), 0, HEAD, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

async function demuxerOf(path: string, known: Record<string, Signature>): Promise<string | undefined> {
  const head = await headOf(path);
  return Object.entries(known).find(([, fits]) => fits(head))?.[0];
}

/** What FFmpeg's own look says; only that demuxer, only local files. */
async function probed(
  field: string,
  path: string,
  demuxer: string,
  allowed: string,
): Promise<{streams: Stream[]; duration_s: number}> {
  const args = ['-v', 'error', '-protocol_whitelist', 'file', '-f', demuxer, '-print_format', 'json'];
  const options = {timeout: LOOK_S * 1000, killSignal: 'SIGKILL', reject: false} as const;
  const task = RenderInternals.callFf({
    bin: 'ffprobe',
    args: [...args, '-show_streams', '-show_format', `file:${path}`],
    options,
    indent: false,
    logLevel: 'error',
    binariesDirectory: null,
    cancelSignal: undefined,
  });
  const {exitCode, stdout, timedOut} = await task;
  if (timedOut) throw new RenderFailed('stall', `${field}: '${path}' was not read within ${LOOK_S} s`);
  const said =
    exitCode === 0 ? (JSON.parse(stdout) as {streams?: Stream[]; format?: {duration?: string}}) : {};
  const duration_s = Number(said.format?.duration ?? said.streams?.[0]?.duration);
  if (!said.streams?.length || !(duration_s > 0))
    throw badInput(field, `'${path}' cannot be decoded`, allowed);
  return {streams: said.streams, duration_s};
}

const FASTEST = 240;

/** Pictures a second; a clock's tick, where they come unevenly, is none. */
function rate(said: string | undefined): number | null {
  const [over = NaN, under = NaN] = (said ?? '').split('/').map(Number);
  const value = over / under;
  return value > 0 && value <= FASTEST ? value : null;
}
