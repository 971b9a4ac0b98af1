/** How large, how fast and how long a composition is: as the render server decided, or worked out here. */
import type {CalculateMetadataFunction} from 'remotion';
import type {Placed} from './compositions/placed';
import {checkedProps} from './props/check';
import {cutList, type Media} from './props/film';
import {dimensions} from './props/formats';
import {defaultLength, OPENING_S, scenesOf} from './props/length';
import {lengthOfFile} from './sound/measure';
import type {AnyProps, Clip, CompositionName, EdlCutProps} from './props/models';

export type AllProps = AnyProps & Placed & {media?: Media};

const GIF_FPS = 15;
const STILL_NO_LATER_S = 20;

/** Checks the props and says what the composition is like. */
export function metadataOf(name: CompositionName): CalculateMetadataFunction<AllProps> {
  return async ({props: given}) => {
    const placed = placedOf(given);
    const props = {...checkedProps(name, given), ...placed};
    if (props.clips && given.clips) props.clips = withSound(props.clips, given.clips);
    const length = await lengthOf(name, props);
    const fps = props.container === 'gif' ? Math.min(GIF_FPS, length.fps) : length.fps;
    const size = dimensions(props.format ?? 'full_16_9', props.quality ?? '1080p');
    return {
      props: {...props, media: length.media},
      width: props.width ?? size.width,
      height: props.height ?? size.height,
      fps,
      durationInFrames: props.frames ?? Math.max(1, Math.round(length.duration_s * fps)),
    };
  };
}

function placedOf(given: AllProps): Placed {
  const {format, quality, container, width, height, frames} = given;
  return {format, quality, container, width, height, frames};
}

/** What the server knows of each film is no prop that people give. */
function withSound(checked: Clip[], given: Clip[]): Clip[] {
  return checked.map((clip, index) => ({...given[index], ...clip}));
}

interface Length {
  duration_s: number;
  fps: number;
  media?: Media;
}

async function lengthOf(name: CompositionName, props: AllProps): Promise<Length> {
  if (name === 'EdlCut') return cutLength(props as EdlCutProps & Placed);
  if (props.duration_s !== undefined) return {duration_s: props.duration_s, fps: props.fps};
  const sound = name === 'AudioFlame' ? props.audio : undefined;
  const sound_s = sound === undefined ? null : await lengthOfFile(sound);
  return {duration_s: defaultLength(name, props, sound_s), fps: props.fps};
}

/** The clips decide; films whose end is asked for are measured when nobody has done so. */
async function cutLength(props: EdlCutProps & Placed): Promise<Length> {
  const media: Media = {};
  for (const {source, out_s} of props.clips) {
    if (out_s !== undefined || media[source]) continue;
    media[source] = {duration_s: await lengthOfFile(source)};
  }
  const {duration_s, fps} = cutList(props, media);
  return {duration_s, fps, media};
}

/** The frame that stands for the whole: its words are there, its end is not near. */
export function bestFrame(name: CompositionName, props: AllProps, fps: number, frames: number): number {
  const length = frames / fps;
  const at = {
    TitleCard: () => length * 0.6,
    Slideshow: () => (length / (props.images?.length ?? 1)) * 0.5,
    AudioFlame: () => Math.min(length * 0.4, STILL_NO_LATER_S),
    EdlCut: () => cutStill(props, length, fps),
    MyVideo: () => openingStill(props, length),
  }[name]();
  return Math.min(frames - 1, Math.max(0, Math.round(at * fps)));
}

/** The middle of the first clip, or a moment at which the title stands. */
function cutStill(props: AllProps, length: number, fps: number): number {
  const {cuts} = cutList({...(props as EdlCutProps), fps}, props.media);
  const middle = (cuts[0]?.until ?? 0) / fps / 2;
  const titled = (props.title + props.subtitle).trim() !== '';
  const stands = 1.6 * Math.min(1, length / 3);
  return titled ? Math.max(Math.min(middle, 2), stands) : middle;
}

function openingStill(props: AllProps, length: number): number {
  const scenes = scenesOf(props);
  return (scenes ? Math.min(OPENING_S, length / (scenes + 1)) : length) * 0.6;
}
