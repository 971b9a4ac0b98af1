/** Cuts: what of which film is on when. Times count in frames of the finished video. */
import {BadInput, type Wrong} from './check';
import {LONGEST_CUT_S, type Clip, type EdlCutProps} from './models';

/** What was measured in a file. */
export interface Measured {
  duration_s: number;
  fps?: number | null;
  has_sound?: boolean;
}
export type Media = Record<string, Measured>;

/** A piece of a film on the time line. */
export interface Cut {
  source: string;
  hasSound: boolean;
  /** The first frame that shows it, and the first that does not. */
  first: number;
  until: number;
  /** How many frames of the video's rate are left out before it; may be a fraction. */
  skipped: number;
}
export interface CutList {
  cuts: Cut[];
  fps: number;
  duration_s: number;
}
type Ordered = Pick<EdlCutProps, 'clips' | 'fps' | 'duration_s'>;

/** Times in cut lists are rounded to thousandths: a picture is on from a thousandth before its time. */
const SLACK_S = 0.001;
const DEFAULT_FPS = 30;
const TOP_FPS = 60;
const LOW_FPS = 12;

/**
 * The cuts of a list; BadInput names the first that cannot be made. Films that were not measured are
 * believed to reach as far as their cuts say.
 */
export function cutList(props: Ordered, media: Media = {}): CutList {
  const fps = props.fps ?? wholeRate(media[props.clips[0]?.source ?? '']?.fps);
  let begin_s = 0;
  const cuts = props.clips.map((clip, index): Cut => {
    const film = media[clip.source];
    const [in_s, out_s] = span(`props.clips[${index}]`, clip, film, fps);
    const end_s = begin_s + out_s - in_s;
    const first = Math.max(0, Math.ceil((begin_s - SLACK_S) * fps));
    const skipped = Math.max(0, (in_s - begin_s) * fps + first) + SLACK_S * fps;
    begin_s = end_s;
    return {
      source: clip.source,
      hasSound: (clip as {has_sound?: boolean}).has_sound ?? film?.has_sound ?? true,
      first,
      until: Math.ceil((end_s - SLACK_S) * fps),
      skipped: Math.round(skipped * 1e6) / 1e6,
    };
  });
  const duration_s = Math.round(begin_s * 1e6) / 1e6;
  checkLength(props, duration_s, fps);
  const last = cuts.at(-1);
  if (last) last.until = Math.max(last.first + 1, Math.round(duration_s * fps));
  return {cuts: cuts.filter((cut) => cut.until > cut.first), fps, duration_s};
}

/** What is wrong with a cut list once its films were measured. */
export function checkMedia(props: {clips?: Clip[]}, media: Media): Wrong[] {
  if (!props.clips) return [];
  try {
    cutList(props as Ordered, media);
    return [];
  } catch (error) {
    if (error instanceof BadInput) return [error.wrong];
    throw error;
  }
}

/** A film's own rate as a whole number: 23.976 is 24; fast ones are halved, odd ones are 30. */
export function wholeRate(rate: number | null | undefined): number {
  let fps = rate ?? 0;
  while (fps > TOP_FPS + 0.5) fps /= 2;
  return fps >= LOW_FPS ? Math.round(fps) : DEFAULT_FPS;
}

function span(field: string, clip: Clip, film: Measured | undefined, fps: number): [number, number] {
  const {in_s, out_s} = clip;
  const end_s = out_s ?? film?.duration_s;
  if (end_s === undefined) {
    throw wrong(`${field}.out_s`, 'is missing, and the source was not measured', '');
  }
  if (film) checkInside(field, in_s, end_s, film.duration_s, fps);
  if (end_s - in_s < 1 / fps - SLACK_S) {
    const problem = `is ${trimmed(end_s)}, less than a frame after in_s ${in_s}`;
    throw wrong(`${field}.out_s`, problem, `at least ${(1 / fps).toFixed(3)} s more than in_s`);
  }
  return [in_s, end_s];
}

function checkInside(field: string, in_s: number, end_s: number, film_s: number, fps: number): void {
  const whole = trimmed(film_s);
  if (in_s >= film_s) {
    const problem = `is ${in_s}, but the source ends at ${whole} s`;
    throw wrong(`${field}.in_s`, problem, `0 to less than ${whole}`);
  }
  if (end_s > film_s + 0.5 / fps) {
    const problem = `is ${end_s}, but the source ends at ${whole} s`;
    throw wrong(`${field}.out_s`, problem, `more than in_s, up to ${whole}`);
  }
}

function checkLength(props: Ordered, duration_s: number, fps: number): void {
  const whole = trimmed(duration_s);
  if (duration_s > LONGEST_CUT_S) {
    const limit = `at most ${LONGEST_CUT_S} s in all`;
    throw wrong('props.clips', `last ${whole} s together`, limit);
  }
  const ordered = props.duration_s;
  if (ordered !== undefined && Math.abs(ordered - duration_s) > 0.5 / fps) {
    const problem = `is ${ordered}, but the clips last ${whole} s`;
    throw wrong('props.duration_s', problem, `${whole}, or nothing: the clips decide it`);
  }
}

function wrong(field: string, message: string, allowed: string): BadInput {
  return new BadInput({field, message, allowed});
}

function trimmed(time_s: number): string {
  return time_s.toFixed(3).replace(/0+$/, '').replace(/\.$/, '');
}
