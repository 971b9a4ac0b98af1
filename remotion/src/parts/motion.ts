/** How things come and go, in seconds. */
import {spring} from 'remotion';

/** 0 before, 1 after, slowing down in between. */
export function eased(now: number, at: number, takes: number): number {
  return 1 - (1 - share(now, at, takes)) ** 3;
}

/** 0 before, 1 after, slow at both ends. */
export function smooth(now: number, at: number, takes: number): number {
  const gone = share(now, at, takes);
  return gone * gone * (3 - 2 * gone);
}

/** 0 before, then to 1 and a little over it, as a spring does. */
export function sprung(now: number, at: number, takes: number): number {
  if (now <= at) return 0;
  const fps = 120;
  return spring({
    frame: (now - at) * fps,
    fps,
    durationInFrames: takes * fps,
    config: {damping: 15, mass: 0.7, stiffness: 110},
  });
}

/** How far it is between a moment and a while later, 0 to 1. */
export function share(now: number, at: number, takes: number): number {
  return Math.min(1, Math.max(0, (now - at) / takes));
}

/** What comes after the things before it and leaves with them all; short films move faster. */
export interface Pace {
  hurry: number;
  enter(turn: number): number;
  takes: number;
  leave: number;
}

/** The pace of words that stand from one moment to another. */
export function paceOf(begins: number, ends: number): Pace {
  const hurry = Math.min(1, (ends - begins) / 3);
  return {
    hurry,
    enter: (turn) => begins + (0.1 + turn * 0.085) * hurry,
    takes: 0.75 * hurry,
    leave: ends - 0.5 * hurry,
  };
}

/** How visible something is that fades in and leaves at its pace's end. */
export function presence(now: number, pace: Pace, turn: number): number {
  return eased(now, pace.enter(turn), pace.takes * 0.7) * leaving(now, pace);
}

/** 1 until its pace's end, where it goes to 0. */
export function leaving(now: number, pace: Pace): number {
  return 1 - smooth(now, pace.leave, 0.45 * pace.hurry);
}
