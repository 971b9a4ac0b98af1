/** What the server and its workers tell each other, as JSON over the channel that Node opens between them. */
import type {FailureClass} from './failure';

/** What a worker is started with. */
export interface Equipment {
  executable: string | null;
  mode: 'headless-shell' | 'chrome-for-testing';
  /** How long the browser may take to open. */
  opening_s: number;
}

/** One render as a worker is asked for it. */
export interface Task {
  /** The directory of the bundle. */
  bundle: string;
  composition: string;
  width: number;
  height: number;
  fps: number;
  frames: number;
  container: 'mp4' | 'webm' | 'gif' | 'jpg';
  props: Record<string, unknown>;
  /** An empty directory of its own; the file is written there as `film.<container>`. */
  scratch: string;
  tabs: number;
  /** How long one frame may be waited for. */
  patience_s: number;
}

export type ToWorker = {do: 'draw'; task: Task} | {do: 'cancel'};

export type FromWorker =
  | {tell: 'ready'; browser: string}
  | {tell: 'progress'; rendered: number; encoded: number}
  | {tell: 'done'; file: string}
  | {tell: 'failed'; failure: FailureClass; message: string; frame: number | null; worn: boolean};
