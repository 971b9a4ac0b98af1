/** Title and text at the foot of a picture, on a dark veil that fades out upwards. */
import {AbsoluteFill} from 'remotion';
import {css, type Palette} from '../look/palette';
import {safeArea, type Stage} from '../look/stage';
import {fit} from '../type/fit';
import {Lines} from './Lines';
import {leaving, presence, smooth, sprung, type Pace} from './motion';

interface CaptionProps {
  title: string;
  text: string;
  platform: string;
  palette: Palette;
  stage: Stage;
  now: number;
  pace: Pace;
  /** The title's size in hundredths of the shorter side. */
  largest?: number;
}

const STEPS = 12;
/** Behind the topmost word, where white reads well even on snow, and at the foot. */
const DARK = 0.54;
const DARKEST = 0.8;

export function Caption({stage, now, pace, palette, ...props}: CaptionProps) {
  const {unit} = stage;
  const safe = safeArea(stage, props.platform);
  const largest = (props.largest ?? 9) * (stage.still ? 1.35 : 1);
  const width = safe.width * (stage.portrait || stage.square ? 1 : 0.82);
  const title = fit(props.title, {
    width,
    height: stage.height * 0.3,
    weight: 'bold',
    largest: unit * largest,
    smallest: unit * 4.2,
    maxLines: stage.portrait ? 4 : 3,
    leading: 1.1,
  });
  const text = fit(props.text, {
    width,
    height: stage.height * 0.2,
    weight: 'medium',
    largest: Math.min(unit * (stage.still ? 6.4 : 5.2), title.lines.length ? title.size * 0.76 : Infinity),
    smallest: unit * 3.2,
    maxLines: stage.portrait ? 4 : 3,
    leading: 1.3,
  });
  if (!title.lines.length && !text.lines.length) return null;
  const below = stage.height - safe.top - safe.height;
  const gap = unit * 2.2;
  const bar = unit * 0.8;
  const words = title.height + text.height + gap * 2 + bar;
  const reach = unit * 26 + words * 0.2;
  const height = Math.min(stage.height, below + words + reach);
  const rtl = (title.lines.length ? title : text).direction === 'rtl';
  return (
    <AbsoluteFill>
      <div
        style={{
          position: 'absolute',
          left: 0,
          right: 0,
          bottom: 0,
          height,
          background: veil(1 - (below + words) / height),
          // It covers much: darkness that comes at once would be a blink.
          opacity: smooth(now, pace.enter(0), pace.takes) * leaving(now, pace),
        }}
      />
      <div
        style={{
          position: 'absolute',
          left: safe.left,
          width: safe.width,
          bottom: below,
          display: 'flex',
          flexDirection: 'column',
          gap,
        }}
      >
        <div
          style={{
            alignSelf: rtl ? 'flex-end' : 'flex-start',
            width: unit * 9,
            height: bar,
            borderRadius: unit,
            background: css(palette.accent),
            opacity: presence(now, pace, 0),
            transform: `scaleX(${sprung(now, pace.enter(0), pace.takes)})`,
            transformOrigin: rtl ? 'right' : 'left',
          }}
        />
        {title.lines.length > 0 && <Lines block={title} now={now} pace={pace} turn={1} rtl={rtl} />}
        {text.lines.length > 0 && (
          <Lines
            block={text}
            now={now}
            pace={pace}
            turn={1 + title.lines.length}
            rtl={rtl}
            color="rgb(255 255 255 / 0.94)"
          />
        )}
      </div>
    </AbsoluteFill>
  );
}

/** Black that fades out above the words, slow at both ends: a straight fade shows where it begins. */
function veil(reach: number): string {
  const stops = Array.from({length: STEPS + 1}, (_, step) => {
    const share = step / STEPS;
    const dark = DARK * share * share * (3 - 2 * share);
    return `rgb(0 0 0 / ${dark.toFixed(3)}) ${(share * reach * 100).toFixed(1)}%`;
  });
  return `linear-gradient(to bottom, ${stops.join(', ')}, rgb(0 0 0 / ${DARKEST}) 100%)`;
}
