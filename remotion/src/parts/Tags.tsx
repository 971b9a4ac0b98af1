/** The small words at the edges: the niche after a dot, the platform on a plate. */
import {css, type Palette} from '../look/palette';
import {spoken, type Stage} from '../look/stage';
import {fit} from '../type/fit';
import {Runs} from '../type/Runs';
import {family} from '../type/Fonts';
import {eased, presence, sprung, type Pace} from './motion';

interface TagProps {
  text: string;
  stage: Stage;
  now: number;
  pace: Pace;
  turn: number;
  room: number;
}

/** Small, but readable on a phone. */
export function tagSize(stage: Stage): number {
  const share = stage.still ? 4.6 : stage.portrait ? 3.9 : stage.square ? 3.6 : 3.3;
  return Math.round(stage.unit * share);
}

function oneLine(text: string, stage: Stage, room: number, weight: 'bold' | 'medium') {
  const size = tagSize(stage);
  return fit(text, {
    width: room,
    height: size * 1.4,
    weight,
    largest: size,
    smallest: size * 0.8,
    maxLines: 1,
    leading: 1.3,
  });
}

export function NicheTag(props: TagProps & {palette: Palette; end?: boolean}) {
  const {text, stage, now, pace, turn, palette, end} = props;
  const tracking = 0.14;
  const block = oneLine(spoken(text).toUpperCase(), stage, props.room / (1 + tracking), 'bold');
  if (!block.lines.length) return null;
  const dot = block.size * 0.6 * sprung(now, pace.enter(turn), pace.takes);
  return (
    <div
      style={{
        alignSelf: end ? 'flex-end' : 'flex-start',
        display: 'flex',
        // The dot stands at the edge, wherever that is.
        flexDirection: end ? 'row-reverse' : 'row',
        alignItems: 'center',
        gap: block.size * 0.62,
        opacity: presence(now, pace, turn),
        fontFamily: family('display'),
        fontSize: block.size,
        height: block.lineHeight,
        lineHeight: `${block.lineHeight}px`,
        letterSpacing: block.direction === 'ltr' ? `${tracking}em` : 0,
        color: 'rgb(255 255 255 / 0.94)',
        whiteSpace: 'pre',
        textShadow: `0 0 ${block.size * 0.5}px rgb(0 0 0 / 0.4)`,
      }}
    >
      <div style={{width: block.size * 0.6, display: 'flex', justifyContent: 'center'}}>
        <div style={{width: dot, height: dot, borderRadius: '50%', background: css(palette.accent)}} />
      </div>
      <span dir={block.direction}>
        <Runs text={block.lines[0] ?? ''} weight="bold" />
      </span>
    </div>
  );
}

export function PlatformTag({text, stage, now, pace, turn, room, end}: TagProps & {end?: boolean}) {
  const block = oneLine(spoken(text), stage, room, 'medium');
  if (!block.lines.length) return null;
  const {size} = block;
  return (
    <div
      dir={block.direction}
      style={{
        alignSelf: end ? 'flex-end' : 'flex-start',
        padding: `${size * 0.34}px ${size * 0.95}px`,
        borderRadius: size * 2,
        border: `${Math.max(1, stage.unit * 0.16)}px solid rgb(255 255 255 / 0.4)`,
        background: 'rgb(255 255 255 / 0.12)',
        opacity: presence(now, pace, turn),
        transform: `translateY(${(1 - eased(now, pace.enter(turn), pace.takes)) * size}px)`,
        fontFamily: family('text'),
        fontSize: size,
        lineHeight: `${block.lineHeight}px`,
        color: 'rgb(255 255 255 / 0.96)',
        whiteSpace: 'pre',
      }}
    >
      <Runs text={block.lines[0] ?? ''} weight="medium" />
    </div>
  );
}
