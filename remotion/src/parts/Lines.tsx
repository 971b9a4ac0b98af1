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
  /** The side that all the words around it stand on; else that of its own script. */
  rtl?: boolean;
  color?: string;
  tracking?: number;
  shadow?: number;
}

export function Lines({block, now, pace, turn, rtl, color = '#fff', tracking, shadow = 0.42}: LinesProps) {
  const {size, weight, direction} = block;
  return (
    <div
      dir={direction}
      style={{
        color,
        fontSize: size,
        fontFamily: family(weight === 'bold' ? 'display' : 'text'),
        letterSpacing: tracking,
        textAlign: (rtl ?? direction === 'rtl') ? 'right' : 'left',
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
