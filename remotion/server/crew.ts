/**
 * The workers: one for each render at a time, kept with their browsers open from one render to the next, and
 * replaced after many renders, when their memory has grown, or when a browser crashed.
 */
import path from 'node:path';
import {Growth} from './growth';
import {Hand} from './hand';
import {below, memoryOf} from './processes';
import {PROJECT} from './settings';
import {interrupted} from './waiting';
import type {Scratch} from './scratch';
import type {Equipment} from './messages';

const PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 60_000;

export class Crew {
  private readonly idle = new Set<Hand>();
  private readonly hands = new Map<Hand, Growth>();
  private closing = false;
  /** How often in a row a browser could not be opened, and what the last of them said. */
  private failures = 0;
  private failure = '';
  private keeping: NodeJS.Timeout | undefined;
  browser = '';

  constructor(
    private readonly program: string,
    private readonly equipment: Equipment,
    private readonly scratch: Scratch,
    /** So many workers at most, and so many renders until one is replaced. */
    private readonly limits: {slots: number; films: number},
  ) {}

  /** Why nothing can be drawn here now; null while a browser is open, or none has failed to. */
  get trouble(): string | null {
    const isOpen = [...this.hands.keys()].some((hand) => hand.alive && hand.browser !== '');
    return this.failures === 0 || isOpen ? null : this.failure;
  }

  /** A worker whose browser is open; RenderFailed when it could not be had. */
  async take(signal: AbortSignal): Promise<Hand> {
    const hand = this.waiting() ?? this.start();
    this.idle.delete(hand);
    try {
      await interrupted(hand.ready, signal);
    } catch (wrong) {
      this.back(hand);
      throw wrong;
    }
    return hand;
  }

  /** Have it back for the next render, or another one in its place. */
  back(hand: Hand): void {
    if (!this.closing && this.isGood(hand)) {
      this.idle.add(hand);
      return;
    }
    void this.dismiss(hand);
    // One that never opened is replaced when its failure has been noted.
    if (hand.browser !== '') this.keepOneIn(0);
  }

  /** Have one ready, so that a render need not wait for a browser to start. */
  async keepOne(): Promise<void> {
    const all = [...this.hands.keys()].filter((hand) => hand.alive && !hand.worn);
    if (this.closing || (!this.waiting() && all.length >= this.limits.slots)) return;
    await (this.waiting() ?? this.start()).ready;
  }

  /** End them all; return when they are gone. */
  async close(): Promise<void> {
    this.closing = true;
    clearTimeout(this.keeping);
    await Promise.all([...this.hands.keys()].map((hand) => this.dismiss(hand)));
  }

  /** One whose browser is open rather than one whose browser may never be. */
  private waiting(): Hand | undefined {
    const found = [...this.idle].filter((hand) => hand.alive && !hand.worn);
    return found.find((hand) => hand.browser !== '') ?? found[0];
  }

  private start(): Hand {
    const hand = Hand.start(this.program, this.equipment, this.scratch.forWorker());
    this.hands.set(hand, new Growth());
    this.idle.add(hand);
    hand.ready.then(
      () => {
        this.failures = 0;
        this.browser = hand.browser;
        // One that ends on its own while it waits is replaced.
        void hand.gone.then(() => this.bury(hand));
      },
      (wrong: unknown) => this.fail(hand, wrong),
    );
    return hand;
  }

  /** Its browser could not be opened: the next try comes later each time. */
  private async fail(hand: Hand, wrong: unknown): Promise<void> {
    await this.dismiss(hand);
    if (this.closing) return;
    this.failure = wrong instanceof Error ? wrong.message : String(wrong);
    console.error(this.failure);
    this.keepOneIn(Math.min(LONGEST_PAUSE_MS, PAUSE_MS * 2 ** Math.min(this.failures, 10)));
    this.failures += 1;
  }

  private async bury(hand: Hand): Promise<void> {
    const waited = this.idle.has(hand);
    await this.dismiss(hand);
    if (waited) this.keepOneIn(PAUSE_MS);
  }

  private keepOneIn(ms: number): void {
    clearTimeout(this.keeping);
    this.keeping = setTimeout(() => {
      // What goes wrong is noted where it is started.
      this.keepOne().catch(() => undefined);
    }, ms);
  }

  private async dismiss(hand: Hand): Promise<void> {
    this.idle.delete(hand);
    await hand.kill();
    this.hands.delete(hand);
  }

  private isGood(hand: Hand): boolean {
    return hand.alive && !hand.worn && hand.drawn < this.limits.films && !this.hasGrown(hand);
  }

  private hasGrown(hand: Hand): boolean {
    if (hand.pid === undefined) return false;
    return this.hands.get(hand)?.note(hand.drawn, memoryOf([hand.pid, ...below(hand.pid)])) ?? false;
  }
}

/** Where the compiled worker lies. */
export function program(name: string): string {
  return path.join(PROJECT, 'build', 'server', `${name}.mjs`);
}
