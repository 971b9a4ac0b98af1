/** A whole small video of what there is: an opening title, then pictures or statements one after another. */
import {AbsoluteFill} from 'remotion';
import {useMoment} from '../look/moment';
import {choose, css, numberOf} from '../look/palette';
import {useStage, type Stage} from '../look/stage';
import {Backdrop} from '../parts/Backdrop';
import {Headline} from '../parts/Headline';
import {leaving, paceOf, smooth} from '../parts/motion';
import {Rings} from '../parts/Rings';
import {OPENING_S, scenesOf} from '../props/length';
import type {MyVideoProps} from '../props/models';
import {Sound} from '../sound/Sound';
import {directionOf} from '../type/faces';
import {Fonts} from '../type/Fonts';
import {SlideScenes} from './Slideshow';
import {TitleScene} from './TitleCard';
import type {Placed} from './placed';

const CROSSING_S = 0.6;

export function MyVideo(props: MyVideoProps & Placed) {
  const {title, subtitle, niche, platform, captions} = props;
  return (
    <Fonts texts={[title, subtitle, niche, platform, ...captions, '0123456789 /']}>
      <Scenes {...props} />
      <Sound source={props.audio} />
    </Fonts>
  );
}

function Scenes(props: MyVideoProps & Placed) {
  const stage = useStage(props.format);
  const {now, length} = useMoment();
  const count = scenesOf(props);
  const opening = count ? Math.min(OPENING_S, length / (count + 1)) : length;
  const crossing = Math.min(CROSSING_S, opening / 4);
  const each = count ? (length - opening) / count : 0;
  const arrived = count ? smooth(now, opening - crossing, crossing) : 0;
  return (
    <AbsoluteFill>
      {arrived < 1 && <TitleScene {...props} stage={stage} now={now} begins={0} ends={opening} />}
      {arrived > 0 && (
        <AbsoluteFill style={{opacity: arrived}}>
          {props.images.length > 0 ? (
            <SlideScenes
              {...props}
              title=""
              subtitle=""
              niche={props.niche || props.title}
              stage={stage}
              now={now}
              begins={opening}
              each={each}
            />
          ) : (
            <Statements {...props} stage={stage} now={now} begins={opening} each={each} />
          )}
        </AbsoluteFill>
      )}
    </AbsoluteFill>
  );
}

type StatementsProps = MyVideoProps & {stage: Stage; now: number; begins: number; each: number};

/** One caption after another as a title of its own, numbered. */
function Statements({stage, now, begins, each, ...props}: StatementsProps) {
  const {captions} = props;
  const palette = choose(props.niche, props.title, props.palette);
  const seed = props.seed ?? numberOf(props.title);
  const at = Math.min(captions.length - 1, Math.max(0, Math.floor((now - begins) / each)));
  const from = begins + at * each;
  const text = captions[at] ?? '';
  const pace = paceOf(from, from + each);
  const rtl = isRtl(text);
  // Where the script turns about, the darkness goes over to the other side with the words.
  const before = isRtl(captions[at - 1] ?? text);
  const arrived = smooth(now, from, CROSSING_S * pace.hurry);
  const shaded = Number(before) + (Number(rtl) - Number(before)) * arrived;
  return (
    <AbsoluteFill style={{background: css(palette.ground)}}>
      <Backdrop palette={palette} seed={seed} now={now} width={stage.width} height={stage.height} />
      <Rings
        palette={palette}
        seed={seed + at + 1}
        now={now - from}
        stage={stage}
        side={rtl ? 'left' : 'right'}
        opacity={0.8 * leaving(now, pace)}
      />
      <Headline
        key={at}
        title={text}
        subtitle=""
        niche={captions.length > 1 ? `${at + 1} / ${captions.length}` : props.niche}
        platform={props.platform}
        palette={palette}
        stage={stage}
        now={now}
        pace={pace}
        shaded={shaded}
      />
    </AbsoluteFill>
  );
}

function isRtl(text: string): boolean {
  return directionOf(text) === 'rtl';
}
