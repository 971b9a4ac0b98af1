/** Every composition, under its own name and under the embedded renderer's name for the same thing. */
import type {ComponentType} from 'react';
import {Composition, Freeze, useVideoConfig} from 'remotion';
import {AudioFlame} from './compositions/AudioFlame';
import {EdlCut} from './compositions/EdlCut';
import {MyVideo} from './compositions/MyVideo';
import {Slideshow} from './compositions/Slideshow';
import {TitleCard} from './compositions/TitleCard';
import {checkedProps} from './props/check';
import {TEMPLATES, type CompositionName} from './props/models';
import {bestFrame, metadataOf, type AllProps} from './timing';

const COMPONENTS: Record<CompositionName, ComponentType<never>> = {
  AudioFlame,
  EdlCut,
  MyVideo,
  Slideshow,
  TitleCard,
};

/** Empty, because the command line puts them under what it is given. */
const REQUIRED: Record<CompositionName, Record<string, unknown>> = {
  AudioFlame: {audio: ''},
  EdlCut: {clips: [{source: '', out_s: 2}]},
  MyVideo: {},
  Slideshow: {images: ['']},
  TitleCard: {},
};

export function Root() {
  return (
    <>
      {Object.entries(TEMPLATES).map(([id, name]) => (
        <Composition
          key={id}
          id={id}
          component={shown(name)}
          defaultProps={checkedProps(name, REQUIRED[name])}
          calculateMetadata={metadataOf(name)}
          width={1920}
          height={1080}
          fps={30}
          durationInFrames={180}
        />
      ))}
    </>
  );
}

const wrapped = new Map<CompositionName, ComponentType<AllProps>>();

/** The composition; as a still it stands at its best moment, whichever frame is asked for. */
function shown(name: CompositionName): ComponentType<AllProps> {
  const known = wrapped.get(name);
  if (known) return known;
  const Scene = COMPONENTS[name] as ComponentType<AllProps>;
  function Shown(props: AllProps) {
    const {fps, durationInFrames} = useVideoConfig();
    if (props.format !== 'thumbnail') return <Scene {...props} />;
    return (
      <Freeze frame={bestFrame(name, props, fps, durationInFrames)}>
        <Scene {...props} />
      </Freeze>
    );
  }
  wrapped.set(name, Shown);
  return Shown;
}
