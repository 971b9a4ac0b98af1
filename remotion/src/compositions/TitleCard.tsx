/** A title, a subtitle, niche and platform over slowly moving colours. */
import {AbsoluteFill} from 'remotion';
import {choose, css, numberOf} from '../look/palette';
import {useMoment} from '../look/moment';
import {useStage} from '../look/stage';
import {Backdrop} from '../parts/Backdrop';
import {Headline} from '../parts/Headline';
import {leaving, paceOf} from '../parts/motion';
import {Rings} from '../parts/Rings';
import type {TitleCardProps} from '../props/models';
import {directionOf} from '../type/faces';
import {Fonts} from '../type/Fonts';
import type {Placed} from './placed';

export function TitleCard(props: TitleCardProps & Placed) {
  const {title, subtitle, niche, platform} = props;
  return (
    <Fonts texts={[title, subtitle, niche, platform]}>
      <Card {...props} />
    </Fonts>
  );
}

function Card(props: TitleCardProps & Placed) {
  const stage = useStage(props.format);
  const {now, length} = useMoment();
  return <TitleScene {...props} stage={stage} now={now} begins={0} ends={length} />;
}

type SceneProps = Pick<TitleCardProps, 'title' | 'subtitle' | 'niche' | 'platform' | 'seed' | 'palette'> & {
  stage: ReturnType<typeof useStage>;
  now: number;
  begins: number;
  ends: number;
};

/** The card from one moment to another. */
export function TitleScene({stage, now, begins, ends, ...props}: SceneProps) {
  const palette = choose(props.niche, props.title, props.palette);
  const seed = props.seed ?? numberOf(props.title);
  const pace = paceOf(begins, ends);
  const side = directionOf(props.title || props.subtitle) === 'rtl' ? 'left' : 'right';
  const opacity = 0.25 + 0.75 * leaving(now, pace);
  return (
    <AbsoluteFill style={{background: css(palette.ground)}}>
      <Backdrop palette={palette} seed={seed} now={now} width={stage.width} height={stage.height} />
      <Rings palette={palette} seed={seed} now={now - begins} stage={stage} side={side} opacity={opacity} />
      <Headline {...props} palette={palette} stage={stage} now={now} pace={pace} />
    </AbsoluteFill>
  );
}
