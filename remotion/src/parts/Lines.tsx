/** A block's lines, each rising out of the line it stands on, a little after the one above. */
import type {Block} from '../type/fit';
import {family} from '../type/Fonts';
import {Runs} from '../type/Runs';
import {presence, eased, type Pace} from './motion';

interface LinesProps {
  block: Block;
  now: number;
  pace: Pace;
  /** The turn of the first line. */
  turn: number;
  color?: string;
  tracking?: number;
  shadow?: number;
}

export function Lines({block, now, pace, turn, color = '#fff', tracking, shadow = 0.42}: LinesProps) {
  const {size, weight} = block;
  return (
    <div
      dir={block.direction}
      style={{
        color,
        fontSize: size,
        fontFamily: family(weight === 'bold' ? 'display' : 'text'),
        letterSpacing: tracking,
        textAlign: 'start',
        whiteSpace: 'pre',
      }}
    >
      {block.lines.map((line, index) => {
        const seen = presence(now, pace, turn + index);
        const rise = (1 - eased(now, pace.enter(turn + index), pace.takes)) * size * 0.9;
        return (
          // The mask leaves room for accents and for what hangs below the line.
          <div key={index} style={{height: block.lineHeight, clipPath: 'inset(-32% -8% -26% -8%)'}}>
            <div
              style={{
                lineHeight: `${block.lineHeight}px`,
                opacity: seen,
                transform: `translateY(${rise}px)`,
                textShadow: shadow ? `0 ${size * 0.02}px ${size * 0.22}px rgb(0 0 0 / ${shadow})` : 'none',
              }}
            >
              <Runs text={line} weight={weight} />
            </div>
          </div>
        );
      })}
    </div>
  );
}
