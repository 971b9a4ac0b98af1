/** A little darkness under the words: bright lights pass behind them. */
import {AbsoluteFill} from 'remotion';

const DARKNESS = [0.36, 0.33, 0.26, 0.16, 0.07, 0.02, 0];

/** On the left side at 0, on the right one at 1, on its way in between. */
export function Shade({right}: {right: number}) {
  return (
    <>
      {right < 1 && <AbsoluteFill style={{background: darkness('right'), opacity: 1 - right}} />}
      {right > 0 && <AbsoluteFill style={{background: darkness('left'), opacity: right}} />}
    </>
  );
}

function darkness(fades: 'left' | 'right'): string {
  const stops = DARKNESS.map((dark, step) => `rgb(0 0 0 / ${dark}) ${step * 15}%`);
  return `linear-gradient(to ${fades}, ${stops.join(', ')})`;
}
