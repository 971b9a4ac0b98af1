/** What every composition gets besides its template's props: where and how large it is shown. */
import type {Format, Quality} from '../props/formats';

// A type alias, because Remotion wants props that can be indexed.
export type Placed = {
  format?: Format;
  quality?: Quality;
  container?: string;
  /** Decided by the render server; where it is missing the composition works it out. */
  width?: number;
  height?: number;
  frames?: number;
};
