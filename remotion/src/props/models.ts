/**
 * What each template can be given: the same names, ranges and words as the embedded renderer's.
 * The description of a field is what the answer to a wrong value says is allowed.
 */
import {z} from 'zod';
import {PALETTE_NAMES} from '../look/palette';

export const MOST_IMAGES = 40;
export const MOST_CLIPS = 200;
export const LONGEST_CUT_S = 3600;
const MOST_SECONDS = 1_000_000;
const FPS = 'a whole number from 1 to 60';

/** A single text stands for a list of one. */
const texts = z.preprocess(
  (value) => (typeof value === 'string' ? [value] : value),
  z.array(z.string()).max(MOST_IMAGES),
);
const someTexts = z.preprocess(
  (value) => (typeof value === 'string' ? [value] : value),
  z.array(z.string()).min(1).max(MOST_IMAGES),
);
const text = z.string().default('').describe('text');
const seconds = z.number().min(0).max(MOST_SECONDS);

const common = {
  title: text,
  subtitle: text,
  niche: text,
  platform: text,
  seed: z
    .int()
    .min(0)
    .max(Number.MAX_SAFE_INTEGER)
    .optional()
    .describe('a whole number from 0 to 9007199254740991'),
  palette: z.enum(PALETTE_NAMES).optional().describe(PALETTE_NAMES.join(', ')),
};
const drawn = {
  ...common,
  duration_s: z.number().min(0.5).max(600).optional().describe('a number of seconds from 0.5 to 600'),
  fps: z.int().min(1).max(60).default(30).describe(FPS),
};
const images = `a list of 1 to ${MOST_IMAGES} paths of images`;
const captions = texts.default([]).describe(`a list of at most ${MOST_IMAGES} texts`);
const audio = z.string().describe('the path of an audio file');

export const titleCard = z.object(drawn);
export const slideshow = z.object({
  ...drawn,
  images: someTexts.describe(images),
  captions,
  audio: audio.optional().describe('the path of an audio file'),
});
export const audioFlame = z.object({
  ...drawn,
  audio,
  style: z.enum(['flame']).default('flame').describe('flame'),
});
export const clip = z.object({
  source: z.string().describe('the path of a video'),
  in_s: seconds.default(0).describe(`seconds from the source's beginning, 0 to ${MOST_SECONDS}`),
  out_s: seconds
    .gt(0)
    .optional()
    .describe(`seconds from the source's beginning, more than 0, up to ${MOST_SECONDS}`),
});
export const edlCut = z.object({
  ...common,
  clips: z
    .array(clip)
    .min(1)
    .max(MOST_CLIPS)
    .describe(`a list of 1 to ${MOST_CLIPS} objects with source, in_s, out_s`),
  fit: z.enum(['contain', 'cover']).default('cover').describe('contain, cover'),
  duration_s: z.number().optional().describe('the length of the clips together, or nothing'),
  fps: z.int().min(1).max(60).optional().describe(`${FPS}, or nothing for the first clip's own`),
});
export const myVideo = z.object({
  ...drawn,
  images: texts.default([]).describe(`a list of at most ${MOST_IMAGES} paths of images`),
  captions,
  audio: audio.optional().describe('the path of an audio file'),
});

export type TitleCardProps = z.output<typeof titleCard>;
export type SlideshowProps = z.output<typeof slideshow>;
export type AudioFlameProps = z.output<typeof audioFlame>;
export type EdlCutProps = z.output<typeof edlCut>;
export type MyVideoProps = z.output<typeof myVideo>;
export type Clip = z.output<typeof clip>;

export const MODELS = {
  AudioFlame: audioFlame,
  EdlCut: edlCut,
  MyVideo: myVideo,
  Slideshow: slideshow,
  TitleCard: titleCard,
};
export type CompositionName = keyof typeof MODELS;
export type AnyProps = TitleCardProps &
  Partial<MyVideoProps & AudioFlameProps> & {
    clips?: Clip[];
    fit?: 'contain' | 'cover';
  };

/** Every name a template goes by, and its composition: rows of the embedded renderer run here unchanged. */
export const TEMPLATES: Record<string, CompositionName> = {
  'audio-visualizer': 'AudioFlame',
  'edl-cut': 'EdlCut',
  'my-video': 'MyVideo',
  slideshow: 'Slideshow',
  'title-card': 'TitleCard',
  AudioFlame: 'AudioFlame',
  EdlCut: 'EdlCut',
  MyVideo: 'MyVideo',
  Slideshow: 'Slideshow',
  TitleCard: 'TitleCard',
};
