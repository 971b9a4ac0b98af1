/**
 * The workers: one for each render at a time, kept with their browsers open from one render to the next, and
 * replaced after many renders, when their memory has grown, or when a browser crashed.
 */
import path from 'node:path';
import {Hand} from './hand';
import {below, memoryOf} from './processes';
import {PROJECT} from './settings';
import type {Scratch} from './scratch';
import type {Equipment} from './messages';

const RENDERS = 100;
/** Renders until a worker's memory is what it always is. */
const SETTLED = 3;
const GROWTH = 1.5;
const GROWTH_MB = 300;
const PAUSE_MS = 1_000;

export class Crew {
  private readonly idle = new Set<Hand>();
  private readonly hands = new Set<Hand>();
  private readonly normal = new Map<Hand, number>();
  private closing = false;
  browser = '';

  constructor(
    private readonly program: string,
    private readonly equipment: Equipment,
    private readonly scratch: Scratch,
  ) {}

  /** A worker whose browser is open; one that could not be had is gone again. */
  async take(signal: AbortSignal): Promise<Hand> {
    const hand = this.waiting() ?? this.start();
    this.idle.delete(hand);
    try {
      await hand.isReady(signal);
    } catch (wrong) {
      if (signal.aborted) this.back(hand);
      else await this.dismiss(hand);
      throw wrong;
    }
    this.browser = hand.browser;
    return hand;
  }

  /** Have it back for the next render, or another one in its place. */
  back(hand: Hand): void {
    if (this.closing || hand.worn || !hand.alive || hand.drawn >= RENDERS || this.hasGrown(hand)) {
      void this.dismiss(hand);
      setTimeout(() => {
        this.keepOne();
      }, 0);
    } else {
      this.idle.add(hand);
    }
  }

  /** Have one ready, so that a render need not wait for a browser to start. */
  keepOne(): void {
    if (this.closing || this.waiting()) return;
    const hand = this.start();
    hand.isReady(new AbortController().signal).then(
      () => {
        this.browser = hand.browser;
      },
      (wrong: unknown) => {
        console.error(wrong instanceof Error ? wrong.message : wrong);
        setTimeout(() => void this.dismiss(hand), PAUSE_MS);
      },
    );
  }

  /** End them all; return when they are gone. */
  async close(): Promise<void> {
    this.closing = true;
    await Promise.all([...this.hands].map((hand) => this.dismiss(hand)));
  }

  private waiting(): Hand | undefined {
    return [...this.idle].find((hand) => hand.alive && !hand.worn);
  }

  private start(): Hand {
    const hand = Hand.start(this.program, this.equipment, this.scratch.forWorker());
    this.hands.add(hand);
    this.idle.add(hand);
    void hand.gone.then(() => this.bury(hand));
    return hand;
  }

  /** A worker that ended on its own while it waited is replaced; one that never was ready is not. */
  private async bury(hand: Hand): Promise<void> {
    const waited = this.idle.has(hand) && hand.browser !== '';
    await this.dismiss(hand);
    if (waited) {
      setTimeout(() => {
        this.keepOne();
      }, PAUSE_MS);
    }
  }

  private async dismiss(hand: Hand): Promise<void> {
    this.idle.delete(hand);
    this.normal.delete(hand);
    await hand.kill();
    this.hands.delete(hand);
  }

  private hasGrown(hand: Hand): boolean {
    if (hand.pid === undefined || hand.drawn < SETTLED) return false;
    const now = memoryOf([hand.pid, ...below(hand.pid)]);
    const normal = this.normal.get(hand) ?? now;
    this.normal.set(hand, normal);
    return now > normal * GROWTH && now > normal + GROWTH_MB;
  }
}

/** Where the compiled worker lies. */
export function program(name: string): string {
  return path.join(PROJECT, 'build', 'server', `${name}.mjs`);
}
