/** Clips cut from films and joined, with their sound, and a title in the first seconds. */
import {AbsoluteFill, Sequence, useVideoConfig} from 'remotion';
import {choose} from '../look/palette';
import {useMoment} from '../look/moment';
import {useStage} from '../look/stage';
import {Caption} from '../parts/Caption';
import {Film} from '../parts/Film';
import {paceOf} from '../parts/motion';
import {cutList, type Media} from '../props/film';
import type {EdlCutProps} from '../props/models';
import {Fonts} from '../type/Fonts';
import type {Placed} from './placed';

export const TITLE_ENTERS_S = 0.3;
const TITLE_LEAVES_S = 5;
const TITLE_SIZE = 6.4;

/** The films' measures are there when the render server did not fill in every cut's end. */
export type EdlProps = EdlCutProps & Placed & {media?: Media};

export function EdlCut(props: EdlProps) {
  const {width, height, fps} = useVideoConfig();
  const {cuts} = cutList({...props, fps}, props.media);
  return (
    <AbsoluteFill style={{background: 'black'}}>
      {cuts.map((cut) => (
        <Sequence key={cut.first} from={cut.first} durationInFrames={cut.until - cut.first}>
          <Film
            source={cut.source}
            skipped={cut.skipped}
            silent={!cut.hasSound}
            fit={props.fit}
            width={width}
            height={height}
          />
        </Sequence>
      ))}
      <Fonts texts={[props.title, props.subtitle]}>
        <Title {...props} />
      </Fonts>
    </AbsoluteFill>
  );
}

/** Title and subtitle at the foot of the picture. */
function Title(props: EdlProps) {
  const stage = useStage(props.format);
  const {now, length} = useMoment();
  const leaves = Math.min(TITLE_LEAVES_S, length);
  // In a short film the title comes and goes quicker.
  const enters = TITLE_ENTERS_S * Math.min(1, length / 3);
  if (now > leaves) return null;
  return (
    <Caption
      title={props.title}
      text={props.subtitle}
      platform={props.platform}
      palette={choose(props.niche, props.title, props.palette)}
      stage={stage}
      now={now}
      pace={paceOf(enters, leaves)}
      largest={TITLE_SIZE}
    />
  );
}
