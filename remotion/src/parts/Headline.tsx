/** Title, bar and subtitle in the middle of the safe area, niche above, platform below. */
import {AbsoluteFill} from 'remotion';
import {css, type Palette} from '../look/palette';
import {safeArea, type Box, type Stage} from '../look/stage';
import {fit, type Block} from '../type/fit';
import {Lines} from './Lines';
import {sprung, presence, type Pace} from './motion';
import {Shade} from './Shade';
import {NicheTag, PlatformTag, tagSize} from './Tags';

interface HeadlineProps {
  title: string;
  subtitle: string;
  niche: string;
  platform: string;
  palette: Palette;
  stage: Stage;
  now: number;
  pace: Pace;
  /** How far the darkness has moved to the right, 0 to 1; where the words stand if nothing is said. */
  shaded?: number;
}

export function Headline(props: HeadlineProps) {
  const {stage, palette, now, pace, shaded} = props;
  const safe = safeArea(stage, props.platform);
  const {title, subtitle} = blocks(props, stage, safe);
  const tag = {stage, now, pace, room: safe.width * 0.8};
  const first = props.niche.trim() ? 1 : 0;
  const bar = first + title.lines.length;
  const rtl = (title.lines.length ? title : subtitle).direction === 'rtl';
  const drawn = sprung(now, pace.enter(bar), pace.takes * 1.2);
  return (
    <AbsoluteFill>
      <Shade right={shaded ?? Number(rtl)} />
      <div style={{position: 'absolute', ...safe, display: 'flex', flexDirection: 'column'}}>
        <NicheTag {...tag} text={props.niche} palette={palette} turn={0} end={rtl} />
        <div
          style={{
            flexGrow: 1,
            display: 'flex',
            flexDirection: 'column',
            justifyContent: 'center',
            gap: stage.unit * 3.1,
          }}
        >
          <Lines block={title} now={now} pace={pace} turn={first} rtl={rtl} tracking={title.size * -0.012} />
          {title.lines.length + subtitle.lines.length > 0 && (
            <div
              style={{
                alignSelf: rtl ? 'flex-end' : 'flex-start',
                width: stage.unit * 14,
                height: stage.unit * 0.9,
                borderRadius: stage.unit,
                background: css(palette.accent),
                opacity: presence(now, pace, bar),
                transform: `scaleX(${drawn})`,
                transformOrigin: rtl ? 'right' : 'left',
              }}
            />
          )}
          <Lines
            block={subtitle}
            now={now}
            pace={pace}
            turn={bar + 1}
            rtl={rtl}
            color="rgb(255 255 255 / 0.9)"
          />
        </div>
        <PlatformTag
          {...tag}
          end={rtl}
          text={stage.still ? '' : props.platform}
          turn={bar + 2 + subtitle.lines.length}
        />
      </div>
    </AbsoluteFill>
  );
}

/** Title and subtitle, as large as they look good between the tags. */
function blocks(props: HeadlineProps, stage: Stage, safe: Box): {title: Block; subtitle: Block} {
  const {unit} = stage;
  const tags = [props.niche, stage.still ? '' : props.platform].filter((text) => text.trim()).length;
  const height = safe.height - tags * tagSize(stage) * 2.3 - unit * 7.1;
  // A word or two may be larger still.
  const brief = widths(props.title) <= 14 ? 1.4 : 1;
  const largest = stage.still ? 18 : stage.portrait ? 12.5 : stage.square ? 12 : 14;
  const title = fit(props.title, {
    width: safe.width * (stage.portrait || stage.square ? 1 : 0.88),
    height: height * (props.subtitle.trim() ? 0.72 : 1),
    weight: 'bold',
    largest: unit * largest * brief,
    smallest: unit * 4.4,
    maxLines: stage.portrait ? 6 : 4,
    leading: 1.1,
  });
  const subtitle = fit(props.subtitle, {
    width: safe.width * (stage.portrait || stage.square ? 1 : 0.74),
    height: Math.max(unit * 5, height - title.height),
    weight: 'medium',
    largest: Math.min(unit * (stage.still ? 6.4 : 5), Math.max(title.size * 0.48, unit * 4)),
    smallest: unit * (stage.still ? 3.6 : 2.8),
    maxLines: stage.portrait ? 4 : 2,
    leading: 1.32,
  });
  return {title, subtitle};
}

/** How many letters wide a text is; ideographs count twice. */
function widths(text: string): number {
  return Array.from(text.trim()).reduce((sum, char) => sum + (char > '\u2e80' ? 2 : 1), 0);
}
