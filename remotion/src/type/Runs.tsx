/** Text in our typefaces: each run in the one that has its characters, so that no machine's own gets in. */
import type {CSSProperties} from 'react';
import {family} from './Fonts';
import {runs, type Run} from './faces';

export type Weight = 'bold' | 'medium';

/** Text as elements of a line. */
export function Runs({text, weight}: {text: string; weight: Weight}) {
  return (
    <>
      {runs(text).map((run, index) => (
        <span key={index} style={styleOf(run, weight)}>
          {run.text}
        </span>
      ))}
    </>
  );
}

/** How a run is written, without its size. */
export function styleOf(run: Run, weight: Weight): CSSProperties {
  // The one typeface for ideographs has thin strokes only.
  const faint = run.face === 'droid' && weight === 'bold';
  const first = weight === 'bold' ? 'display' : 'text';
  return {
    fontFamily: family(run.face === 'inter' ? first : run.face),
    fontSynthesis: 'none',
    // Where a line stands is for the first typeface alone to say.
    lineHeight: run.face === 'inter' ? 'inherit' : '0',
    ...(faint ? {WebkitTextStroke: '0.028em currentColor'} : {}),
  };
}
