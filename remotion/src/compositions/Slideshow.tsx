/** Pictures one after another, with a slow zoom, cross-fades, captions, and optionally a sound. */
import {AbsoluteFill} from 'remotion';
import {choose} from '../look/palette';
import {useMoment} from '../look/moment';
import {useStage} from '../look/stage';
import {Caption} from '../parts/Caption';
import {paceOf} from '../parts/motion';
import {Pictures} from '../parts/Pictures';
import type {SlideshowProps} from '../props/models';
import {Sound} from '../sound/Sound';
import {Fonts} from '../type/Fonts';
import type {Placed} from './placed';

export function Slideshow(props: SlideshowProps & Placed) {
  return (
    <Fonts texts={[props.title, props.subtitle, ...props.captions]}>
      <Show {...props} />
    </Fonts>
  );
}

function Show(props: SlideshowProps & Placed) {
  const stage = useStage(props.format);
  const {now, length} = useMoment();
  const each = length / props.images.length;
  return (
    <AbsoluteFill>
      <SlideScenes {...props} stage={stage} now={now} begins={0} each={each} />
      <Sound source={props.audio} />
    </AbsoluteFill>
  );
}

type ScenesProps = Pick<
  SlideshowProps,
  'title' | 'subtitle' | 'niche' | 'platform' | 'palette' | 'images' | 'captions'
> & {
  stage: ReturnType<typeof useStage>;
  now: number;
  begins: number;
  each: number;
};

/** The pictures from one moment on; the title and subtitle stand on the first. */
export function SlideScenes({stage, now, begins, each, ...props}: ScenesProps) {
  const {images, captions} = props;
  const at = Math.min(images.length - 1, Math.max(0, Math.floor((now - begins) / each)));
  const first = at === 0;
  const from = begins + at * each;
  return (
    <AbsoluteFill>
      <Pictures images={images} now={now} begins={begins} each={each} />
      <Caption
        key={at}
        title={first ? props.title : ''}
        text={captions[at]?.trim() || (first ? props.subtitle : '')}
        platform={props.platform}
        palette={choose(props.niche, props.title, props.palette)}
        stage={stage}
        now={now}
        pace={paceOf(from, from + each)}
      />
    </AbsoluteFill>
  );
}
