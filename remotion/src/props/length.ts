/** How long a film is that nobody gave a length: the same as the embedded renderer's. */
import {TEMPLATES, type AnyProps} from './models';

export const OPENING_S = 3;
const TITLE_S = 6;
const EACH_S = 3.5;
const SHORTEST_S = 0.5;
const LONGEST_S = 600;

/** How many scenes follow the opening of a MyVideo. */
export function scenesOf({images, captions}: Pick<AnyProps, 'images' | 'captions'>): number {
  return images?.length ? images.length : (captions?.length ?? 0);
}

/** Seconds; `sound_s` is how long the sound is, if there is one that decides. An EdlCut's clips decide. */
export function defaultLength(template: string, props: AnyProps, sound_s: number | null): number {
  switch (TEMPLATES[template]) {
    case 'Slideshow':
      return Math.max(SHORTEST_S, EACH_S * (props.images?.length ?? 1));
    case 'MyVideo':
      return scenesOf(props) ? OPENING_S + EACH_S * scenesOf(props) : TITLE_S;
    case 'AudioFlame':
      return sound_s === null ? TITLE_S : Math.min(LONGEST_S, Math.max(SHORTEST_S, sound_s));
    default:
      return TITLE_S;
  }
}
