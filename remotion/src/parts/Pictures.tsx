/** Pictures with a slow zoom, fading into one another. */
import {AbsoluteFill, Img} from 'remotion';
import {smooth, share} from './motion';

export const FADE_S = 0.8;
/** How much larger a picture ends (or begins) than the frame. */
const ZOOM = 1.14;
/** What shows through transparent pictures. */
const GROUND = 'rgb(12 12 16)';

interface PicturesProps {
  images: readonly string[];
  now: number;
  begins: number;
  each: number;
}

/** Of all pictures only the one that is on, and the next one while it comes. */
export function Pictures({images, now, begins, each}: PicturesProps) {
  const fade = Math.min(FADE_S, each / 2);
  const at = Math.min(images.length - 1, Math.max(0, Math.floor((now - begins) / each)));
  const into = now - (begins + (at + 1) * each - fade);
  const shown = into > 0 && at + 1 < images.length ? [at, at + 1] : [at];
  return (
    <AbsoluteFill style={{background: GROUND}}>
      {shown.map((index) => (
        <Picture
          key={index}
          source={images[index] ?? ''}
          opacity={index === at ? 1 : smooth(into, 0, fade)}
          zoomed={zoom(index, now - begins - index * each + fade, each + fade)}
          toward={index}
        />
      ))}
    </AbsoluteFill>
  );
}

/** How far the zoom of one picture is, 0 to 1; every second one zooms out. */
function zoom(index: number, since: number, takes: number): number {
  const gone = share(since, 0, takes);
  return index % 2 === 0 ? gone : 1 - gone;
}

/** Where the zoom goes to: a little off the middle, another way each time. */
const TARGETS = [
  [0.5, 0.44],
  [0.42, 0.5],
  [0.58, 0.46],
  [0.5, 0.56],
] as const;

function Picture(props: {source: string; opacity: number; zoomed: number; toward: number}) {
  const {source, opacity, zoomed, toward} = props;
  const [x, y] = TARGETS[toward % TARGETS.length] ?? TARGETS[0];
  return (
    <AbsoluteFill style={{opacity, background: GROUND, overflow: 'hidden'}}>
      <Img
        src={source}
        style={{
          // As large as it ever gets, and made smaller from there: enlarging would blur it.
          position: 'absolute',
          width: `${ZOOM * 100}%`,
          height: `${ZOOM * 100}%`,
          left: `${(1 - ZOOM) * x * 100}%`,
          top: `${(1 - ZOOM) * y * 100}%`,
          maxWidth: 'none',
          objectFit: 'cover',
          transform: `scale(${(1 + (ZOOM - 1) * zoomed) / ZOOM})`,
          transformOrigin: `${x * 100}% ${y * 100}%`,
          willChange: 'transform',
        }}
      />
    </AbsoluteFill>
  );
}
