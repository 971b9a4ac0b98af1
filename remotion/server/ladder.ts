/**
 * How the next attempt of a job is drawn after one that failed: with half the tabs when the browser crashed, with
 * more patience when a frame was waited for in vain. The reactor decides whether there is a next attempt.
 */
import type {FailureClass} from './failure';

const REMEMBERED = 1_000;
const MORE = 3;
/** Remotion takes no less. */
const LEAST_S = 7;

interface Rung {
  crashes: number;
  stalls: number;
}

export class Ladder {
  private readonly rungs = new Map<string, Rung>();

  /** How long a frame may be waited for at first. */
  constructor(private readonly patience_s: number) {}

  /** What becomes of these tabs, and how many seconds one frame may take; never past the stall timer. */
  step(id: string, tabs: number, stall_s: number): {tabs: number; patience_s: number} {
    const {crashes, stalls} = this.rungs.get(job(id)) ?? {crashes: 0, stalls: 0};
    return {
      tabs: Math.max(1, Math.floor(tabs / 2 ** crashes)),
      patience_s: Math.min(this.patience_s * MORE ** stalls, Math.max(LEAST_S, stall_s * 0.9)),
    };
  }

  /** Note how an attempt ended; a good end makes the job forgotten. */
  note(id: string, failure: FailureClass | null): void {
    const name = job(id);
    const {crashes, stalls} = this.rungs.get(name) ?? {crashes: 0, stalls: 0};
    this.rungs.delete(name);
    if (failure === 'crash' || failure === 'resource') this.rungs.set(name, {crashes: crashes + 1, stalls});
    if (failure === 'stall') this.rungs.set(name, {crashes, stalls: stalls + 1});
    const [oldest] = this.rungs.keys();
    if (oldest !== undefined && this.rungs.size > REMEMBERED) this.rungs.delete(oldest);
  }
}

/** A render's id is `<job>-<attempt>-<claim>`. */
function job(id: string): string {
  return id.split('-', 1)[0] ?? id;
}
