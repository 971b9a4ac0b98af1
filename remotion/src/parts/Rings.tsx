/** Thin arcs that turn slowly about a corner: they keep the side without words from being empty. */
import {AbsoluteFill} from 'remotion';
import {between, chance} from '../look/chance';
import {css, type Palette} from '../look/palette';
import type {Stage} from '../look/stage';
import {eased} from './motion';

const COUNT = 5;

interface RingsProps {
  palette: Palette;
  seed: number;
  now: number;
  stage: Stage;
  /** The side that is free of words. */
  side: 'left' | 'right';
  opacity: number;
}

export function Rings({palette, seed, now, stage, side, opacity}: RingsProps) {
  const next = chance(seed + 1);
  const {width, height, unit} = stage;
  const across = width * (stage.portrait ? 0.92 : stage.square ? 0.9 : 0.86);
  const x = side === 'right' ? across : width - across;
  const y = height * (stage.portrait ? 0.2 : 0.34);
  const rings = Array.from({length: COUNT}, (_, index) => {
    const radius = unit * (16 + index * between(next, 12, 14));
    const shown = between(next, 0.25, 0.6);
    const begins = between(next, 0, 360);
    const speed = between(next, 3, 9) * (next() < 0.5 ? -1 : 1);
    const grown = eased(now, 0.05 + index * 0.09, 1.6);
    return {radius, shown: shown * grown, angle: begins + speed * now - 90 * (1 - grown), index};
  });
  return (
    <AbsoluteFill style={{opacity}}>
      <svg width={width} height={height} viewBox={`0 0 ${width} ${height}`}>
        {rings.map(({radius, shown, angle, index}) => (
          <circle
            key={index}
            cx={x}
            cy={y}
            r={radius}
            fill="none"
            stroke={css(palette.accent, 0.34 - index * 0.05)}
            strokeWidth={unit * (index % 2 ? 0.22 : 0.5)}
            strokeLinecap="round"
            pathLength={100}
            strokeDasharray={`${shown * 100} ${100 - shown * 100}`}
            transform={`rotate(${angle} ${x} ${y})`}
          />
        ))}
      </svg>
    </AbsoluteFill>
  );
}
