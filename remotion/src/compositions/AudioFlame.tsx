/** A sound as a flame, with a title over it. */
import {AbsoluteFill} from 'remotion';
import {Flames} from '../fire/Flames';
import {useMoment} from '../look/moment';
import {choose, css, numberOf, PALETTES} from '../look/palette';
import {safeArea, useStage, type Stage} from '../look/stage';
import {Lines} from '../parts/Lines';
import {paceOf} from '../parts/motion';
import {NicheTag, PlatformTag} from '../parts/Tags';
import type {AudioFlameProps} from '../props/models';
import {Sound} from '../sound/Sound';
import {useHeard} from '../sound/useHeard';
import {fit} from '../type/fit';
import {Fonts} from '../type/Fonts';
import type {Placed} from './placed';

export function AudioFlame(props: AudioFlameProps & Placed) {
  const {title, subtitle, niche, platform} = props;
  const stage = useStage(props.format);
  const {now, frame, fps} = useMoment();
  const heard = useHeard(props.audio, frame, fps);
  const colored = props.palette && PALETTES[props.palette];
  return (
    <AbsoluteFill style={{background: colored ? css(colored.ground) : 'rgb(7 4 12)'}}>
      {heard && (
        <Flames
          heard={heard}
          now={props.format === 'thumbnail' ? heard.loudestNear(now) : now}
          width={stage.width}
          height={stage.height}
          palette={colored}
          seed={props.seed ?? numberOf(title)}
        />
      )}
      <Fonts texts={[title, subtitle, niche, platform]}>
        <Words {...props} stage={stage} />
      </Fonts>
      <Sound source={props.audio} />
    </AbsoluteFill>
  );
}

/** Niche, title and subtitle in the upper part, where the flames seldom reach. */
function Words({stage, ...props}: AudioFlameProps & {stage: Stage}) {
  const {now, length} = useMoment();
  const {unit} = stage;
  const pace = paceOf(0, length);
  const safe = safeArea(stage, props.platform);
  const palette = choose(props.niche, props.title, props.palette);
  const wide = !stage.portrait && !stage.square;
  const title = fit(props.title, {
    width: safe.width * (wide ? 0.9 : 1),
    height: stage.height * 0.3,
    weight: 'bold',
    largest: unit * (stage.still ? 13 : stage.portrait ? 11 : 10),
    smallest: unit * 4.2,
    maxLines: wide ? 2 : 4,
    leading: 1.1,
  });
  const subtitle = fit(props.subtitle, {
    width: safe.width,
    height: stage.height * 0.12,
    weight: 'medium',
    largest: unit * (stage.still ? 5.6 : 4.4),
    smallest: unit * 2.8,
    maxLines: 2,
    leading: 1.3,
  });
  const rtl = (title.lines.length ? title : subtitle).direction === 'rtl';
  const tag = {stage, now, pace, room: safe.width * 0.46};
  const first = props.niche.trim() ? 1 : 0;
  const last = first + title.lines.length + subtitle.lines.length;
  return (
    <AbsoluteFill>
      <div style={{position: 'absolute', ...safe, display: 'flex', flexDirection: 'column', gap: unit * 2}}>
        <div
          style={{
            display: 'flex',
            flexDirection: rtl ? 'row-reverse' : 'row',
            justifyContent: 'space-between',
            alignItems: 'center',
          }}
        >
          <NicheTag {...tag} text={props.niche} palette={palette} turn={0} end={rtl} />
          {!stage.still && <PlatformTag {...tag} text={props.platform} turn={last} />}
        </div>
        <Lines block={title} now={now} pace={pace} turn={first} rtl={rtl} shadow={0.6} />
        <Lines
          block={subtitle}
          now={now}
          pace={pace}
          turn={first + title.lines.length}
          rtl={rtl}
          color="rgb(255 255 255 / 0.9)"
          shadow={0.7}
        />
      </div>
    </AbsoluteFill>
  );
}
