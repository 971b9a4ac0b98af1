/** Where props name files: the server resolves, checks and serves them. */
import type {AnyProps} from './models';

export interface NamedPath {
  field: string;
  path: string;
}

/** Every file the props name, with the field that names it. */
export function pathsOf(props: AnyProps): NamedPath[] {
  const found: NamedPath[] = [];
  withPaths(props, (field, path) => {
    found.push({field, path});
    return path;
  });
  return found;
}

/** The same props with every path replaced. */
export function withPaths(props: AnyProps, resolve: (field: string, path: string) => string): AnyProps {
  const replaced: AnyProps = {...props};
  if (props.images) {
    replaced.images = props.images.map((path, i) => resolve(`props.images[${i}]`, path));
  }
  if (props.clips) {
    replaced.clips = props.clips.map((one, i) => ({
      ...one,
      source: resolve(`props.clips[${i}].source`, one.source),
    }));
  }
  if (props.audio !== undefined) replaced.audio = resolve('props.audio', props.audio);
  return replaced;
}
