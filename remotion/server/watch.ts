/** The three timers of a render: it does not start, it stands still, it takes too long. */
import {RenderFailed} from './failure';

export class Watch {
  private readonly whole: NodeJS.Timeout;
  private next: NodeJS.Timeout;

  constructor(
    private readonly stall_s: number,
    timeout_s: number,
    private readonly late: (reason: RenderFailed) => void,
  ) {
    this.whole = this.after(timeout_s, `it took longer than ${timeout_s} s`);
    this.next = this.after(stall_s, `no frame was drawn within ${stall_s} s of its start`);
  }

  /** A frame more was drawn or encoded. */
  moved(frames: number): void {
    clearTimeout(this.next);
    this.next = this.after(this.stall_s, `no frame was finished for ${this.stall_s} s (at ${frames})`);
  }

  stop(): void {
    clearTimeout(this.whole);
    clearTimeout(this.next);
  }

  private after(seconds: number, message: string): NodeJS.Timeout {
    return setTimeout(
      () => {
        this.late(new RenderFailed('stall', message));
      },
      Math.min(seconds * 1000, 2 ** 31 - 1),
    );
  }
}
