/** What everything is drawn on: its size, its measure, and where text may stand. */
import {useVideoConfig} from 'remotion';

export interface Stage {
  width: number;
  height: number;
  /** A hundredth of the shorter side: all sizes derive from it. */
  unit: number;
  portrait: boolean;
  square: boolean;
  /** Whether it is looked at small: it wants larger letters. */
  still: boolean;
}

/** The stage of a size. */
export function stageOf(width: number, height: number, format = ''): Stage {
  return {
    width,
    height,
    unit: Math.min(width, height) / 100,
    portrait: height > width,
    square: height === width,
    still: format === 'thumbnail',
  };
}

/** The stage of the composition that is being rendered. */
export function useStage(format?: string): Stage {
  const {width, height} = useVideoConfig();
  return stageOf(width, height, format);
}

export interface Box {
  left: number;
  top: number;
  width: number;
  height: number;
}
type Shares = readonly [left: number, top: number, right: number, bottom: number];

/**
 * What the apps put over an upright video, as shares of its sides: names and tabs above, buttons on
 * the right, caption and music below. Without a platform a place that suits them all in most cases.
 */
const UPRIGHT: Record<string, Shares> = {
  tiktok: [0.07, 0.11, 0.135, 0.25],
  instagram: [0.07, 0.14, 0.12, 0.225],
  youtube: [0.07, 0.12, 0.15, 0.24],
  facebook: [0.07, 0.14, 0.12, 0.225],
  snapchat: [0.07, 0.13, 0.12, 0.2],
};
const UPRIGHT_ANYWHERE: Shares = [0.085, 0.13, 0.115, 0.2];

/** The part of a stage that no app covers. */
export function safeArea(stage: Stage, platform: string): Box {
  const [left, top, right, bottom] = margins(stage, appOf(platform));
  return {
    left: Math.round(stage.width * left),
    top: Math.round(stage.height * top),
    width: Math.round(stage.width * (1 - left - right)),
    height: Math.round(stage.height * (1 - top - bottom)),
  };
}

function margins(stage: Stage, app: string): Shares {
  if (stage.portrait) return UPRIGHT[app] ?? UPRIGHT_ANYWHERE;
  if (stage.square) return [0.085, 0.085, 0.085, 0.085];
  // A lying one: the player's bar comes up from below; a still has the length in its lower right corner.
  const side = 0.058;
  return stage.still ? [side, 0.09, side, 0.13] : [side, 0.105, side, 0.125];
}

const NAMES: Record<string, string> = {
  tiktok: 'TikTok',
  instagram: 'Instagram',
  youtube: 'YouTube',
  facebook: 'Facebook',
  snapchat: 'Snapchat',
  linkedin: 'LinkedIn',
  threads: 'Threads',
  pinterest: 'Pinterest',
  shorts: 'Shorts',
  reels: 'Reels',
  stories: 'Stories',
  x: 'X',
};

/** Which app a platform's name means: `youtube_shorts` is YouTube. */
export function appOf(platform: string): string {
  const words = platform.toLowerCase().split(/[^a-z]+/);
  if (words.includes('shorts')) return 'youtube';
  if (words.includes('reels')) return 'instagram';
  return Object.keys(NAMES).find((name) => words.includes(name)) ?? '';
}

/** A name as people write it: `youtube_shorts` is YouTube Shorts. */
export function spoken(name: string): string {
  return name
    .replace(/_/g, ' ')
    .split(' ')
    .map((word) => NAMES[word.toLowerCase()] ?? word)
    .join(' ')
    .trim();
}
