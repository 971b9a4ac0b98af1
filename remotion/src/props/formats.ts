/** The shapes and sizes of a picture; the reactor judges the finished file by the same table. */

export const FORMATS = ['full_16_9', 'short_9_16', 'clip_1_1', 'thumbnail'] as const;
export const QUALITIES = ['360p', '720p', '1080p', '4k'] as const;
export type Format = (typeof FORMATS)[number];
export type Quality = (typeof QUALITIES)[number];

export interface Size {
  width: number;
  height: number;
}

const SHORT_SIDE: Record<Quality, number> = {'360p': 360, '720p': 720, '1080p': 1080, '4k': 2160};

/** Width and height in pixels; the quality names the shorter side. */
export function dimensions(format: Format, quality: Quality): Size {
  const short = SHORT_SIDE[quality];
  const long = Math.floor((short * 16) / 9);
  if (format === 'short_9_16') return {width: short, height: long};
  if (format === 'clip_1_1') return {width: short, height: short};
  return {width: long, height: short};
}
