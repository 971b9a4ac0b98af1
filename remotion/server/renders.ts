/** The renders of this server: at most `capacity` at a time, each with a limit on every wait. */
import {badInput, classified, RenderFailed, TryAgain} from './failure';
import {Ladder} from './ladder';
import {plan, served, type Plan} from './plan';
import {publish} from './publish';
import {Render, type Status} from './render';
import {isObject, type Order} from './request';
import type {Scratch} from './scratch';
import {interrupted} from './waiting';
import {Watch} from './watch';
import type {Bundles} from './bundle';
import type {Crew} from './crew';
import type {Files} from './files';
import type {Hand} from './hand';
import type {Task} from './messages';

/** Finished renders that are remembered. */
const HISTORY = 1_000;

interface Limits {
  capacity: number;
  stall_s: number;
  timeout_s: number;
  tabs: number;
  patience_s: number;
}

export class Renders {
  readonly known = new Map<string, Render>();
  private readonly ladder: Ladder;
  private closing = false;

  constructor(
    readonly limits: Limits,
    private readonly crew: Crew,
    private readonly bundles: Bundles,
    private readonly files: Files,
    private readonly scratch: Scratch,
  ) {
    this.ladder = new Ladder(limits.patience_s);
  }

  /** Why nothing can be drawn now; null when all is well. */
  get trouble(): string | null {
    return this.crew.trouble;
  }

  /** Renders that have not ended. */
  get busy(): number {
    return this.running.length;
  }

  private get running(): Render[] {
    return [...this.known.values()].filter((render) => !render.ended.is);
  }

  /** The render that a request means by its id; the same id again is the same render. */
  named(asked: unknown): Render | undefined {
    return isObject(asked) && typeof asked['id'] === 'string' ? this.known.get(asked['id']) : undefined;
  }

  /** Begin a render, if there is room for it. */
  begin(order: Order): Render {
    this.checkRoom(order);
    const render = new Render(order);
    this.known.set(order.id, render);
    void this.drive(render);
    return render;
  }

  /** Wait until the render is accepted; throws what it was refused with. */
  async join(render: Render): Promise<Render> {
    await render.decided.wait();
    if (render.refused && render.failure) throw render.failure;
    return render;
  }

  /** End a render; return when it is over. */
  async cancel(render: Render): Promise<void> {
    render.stop.abort();
    await render.ended.wait();
  }

  /** Take no more, let what runs go on for a while, then end it. */
  async close(drain_s: number): Promise<void> {
    this.closing = true;
    const over = performance.now() + drain_s * 1000;
    await Promise.all(this.running.map((render) => render.ended.wait((over - performance.now()) / 1000)));
    await Promise.all(this.running.map((render) => this.cancel(render)));
  }

  private checkRoom(order: Order): void {
    if (this.closing) throw new TryAgain('the render server is stopping; ask again when it is back');
    if (this.trouble !== null) throw new TryAgain(this.trouble, 503);
    const {capacity} = this.limits;
    if (this.busy >= capacity) {
      const slots = capacity === 1 ? 'the only slot is' : `all ${capacity} slots are`;
      throw new TryAgain(`${slots} busy; ask again when a render has ended`);
    }
    const rival = this.running.find((other) => other.order.output === order.output);
    if (rival) throw badInput('output_path', `is being written by render '${rival.order.id}'`);
  }

  /** One render from looking into its files to its end; whatever happens, only this one is touched. */
  private async drive(render: Render): Promise<void> {
    const {signal} = render.stop;
    let failure: RenderFailed | null = null;
    let status: Status = 'complete';
    try {
      // A file that has its name is complete, whoever cancels meanwhile.
      await this.drawn(render, await this.accepted(render));
    } catch (wrong) {
      // Stopped is either cancelled, or too late by one of the timers.
      const reason: unknown = signal.aborted ? signal.reason : wrong;
      if (!signal.aborted || reason instanceof RenderFailed) failure = classified(reason);
      status = failure ? 'failed' : 'cancelled';
    }
    if (!render.refused && status !== 'cancelled')
      this.ladder.note(render.order.id, failure?.failure ?? null);
    render.end(status, failure);
    this.forgetSome(render);
  }

  private async accepted(render: Render): Promise<Plan> {
    try {
      const planned = await interrupted(plan(render.order), render.stop.signal);
      render.frames = render.order.container === 'jpg' ? 1 : planned.frames;
      render.decided.come();
      return planned;
    } catch (wrong) {
      render.refused = !render.stop.signal.aborted;
      throw wrong;
    }
  }

  private async drawn(render: Render, planned: Plan): Promise<void> {
    const {signal} = render.stop;
    const bundle = await interrupted(this.bundles.current(), signal);
    const hand = await this.crew.take(signal);
    const scratch = this.scratch.forRender();
    const {shelf, take} = this.files.shelf();
    hand.tail.clear();
    try {
      const task = this.task(planned, bundle, scratch, served(planned, shelf));
      const file = await this.watched(render, hand, task);
      signal.throwIfAborted();
      await publish(file, render.order.output, signal);
    } finally {
      render.log = hand.tail.text;
      take();
      this.crew.back(hand);
      this.scratch.giveBack(scratch);
    }
  }

  /** Drawn under the three timers: no start, no progress, no end. */
  private async watched(render: Render, hand: Hand, task: Task): Promise<string> {
    render.status = 'rendering';
    render.began = performance.now();
    const watch = new Watch(this.limits.stall_s, this.limits.timeout_s, (late) => {
      render.stop.abort(late);
    });
    try {
      return await hand.draw(
        task,
        (rendered, encoded) => {
          if (rendered + encoded <= render.rendered + render.encoded) return;
          render.rendered = Math.max(render.rendered, Math.min(rendered, render.frames));
          render.encoded = Math.max(render.encoded, Math.min(encoded, render.frames));
          watch.moved(render.rendered);
        },
        render.stop.signal,
      );
    } finally {
      watch.stop();
    }
  }

  private task(planned: Plan, bundle: string, scratch: string, props: Record<string, unknown>): Task {
    const {order, composition, fps, frames} = planned;
    const {width, height, container, id} = order;
    const {tabs, stall_s} = this.limits;
    return {
      bundle,
      composition,
      width,
      height,
      fps,
      frames,
      container,
      props,
      scratch,
      ...this.ladder.step(id, tabs, stall_s),
    };
  }

  /** Forget a refused order, and the oldest renders when there are too many. */
  private forgetSome(render: Render): void {
    if (render.refused) this.known.delete(render.order.id);
    const ended = [...this.known].filter(([, known]) => known.ended.is).map(([name]) => name);
    for (const name of ended.slice(0, Math.max(0, this.known.size - HISTORY))) this.known.delete(name);
  }
}
