/** One render, from its order to its end. */
import type {RenderFailed} from './failure';
import type {Order} from './request';

export type Status = 'queued' | 'rendering' | 'complete' | 'failed' | 'cancelled';

const FRAMES_FOR_ETA = 10;
/** Of the work; the rest is encoding, most of which happens meanwhile. */
const DRAWING = 0.7;

export class Render {
  status: Status = 'queued';
  rendered = 0;
  encoded = 0;
  frames = 0;
  failure: RenderFailed | null = null;
  refused = false;
  log: string | null = null;
  began = performance.now();
  readonly stop = new AbortController();
  /** Accepted or refused. */
  readonly decided = new Moment();
  readonly ended = new Moment();

  constructor(readonly order: Order) {}

  /** Settle it, once. */
  end(status: Status, failure: RenderFailed | null = null): void {
    if (this.ended.is) return;
    this.status = status;
    this.failure = failure;
    if (status === 'complete') this.rendered = this.frames;
    this.decided.come();
    this.ended.come();
  }

  /** The answer to GET /status/{id}. */
  toJSON(): Record<string, unknown> {
    return {
      id: this.order.id,
      status: this.status,
      progress: this.progress,
      rendered_frames: this.rendered,
      total_frames: this.frames,
      eta_s: this.eta_s,
      output_path: this.order.output,
      error: this.error,
      log: this.log,
    };
  }

  private get progress(): number {
    if (this.status === 'complete') return 1;
    const done = DRAWING * this.rendered + (1 - DRAWING) * this.encoded;
    return Math.min(0.9999, Math.round((10_000 * done) / Math.max(1, this.frames)) / 10_000);
  }

  /** Seconds that are left at the pace so far. */
  private get eta_s(): number | null {
    if (this.status !== 'rendering' || this.rendered < FRAMES_FOR_ETA) return null;
    const each_s = (performance.now() - this.began) / 1000 / this.rendered;
    return Math.round(10 * each_s * (this.frames - this.rendered)) / 10;
  }

  private get error(): Record<string, unknown> | null {
    if (!this.failure) return null;
    const said = {class: this.failure.failure, message: this.failure.message};
    return this.frames ? {...said, frame: this.failure.frame ?? this.rendered} : said;
  }
}

/** Something that happens once and can be waited for. */
export class Moment {
  is = false;
  private come_: () => void = () => undefined;
  private readonly promise = new Promise<void>((resolve) => {
    this.come_ = resolve;
  });

  come(): void {
    this.is = true;
    this.come_();
  }

  /** Wait for it; with a limit no longer than that. */
  async wait(limit_s?: number): Promise<void> {
    if (this.is) return;
    if (limit_s === undefined) return this.promise;
    if (limit_s <= 0) return;
    let timer: NodeJS.Timeout | undefined;
    const over = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, limit_s * 1000);
    });
    await Promise.race([this.promise, over]);
    clearTimeout(timer);
  }
}
