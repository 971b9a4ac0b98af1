/**
 * Every composition in every format beside the picture of it that was looked at and kept.
 * After a change that is meant: REACTOR_KEEP_STILLS=1 node --test tests/stills/ and look at golden/.
 */
import assert from 'node:assert/strict';
import {copyFileSync} from 'node:fs';
import {after, before, test} from 'node:test';
import {fileURLToPath} from 'node:url';
import {pixels} from './ffmpeg.mjs';
import {FILM_FPS, numberIn} from './media.mjs';
import {openStudio} from './studio.mjs';

const FORMATS = ['full_16_9', 'short_9_16', 'clip_1_1', 'thumbnail'];
/** Of 255: letters' edges differ a little from one browser to the next. */
const MEAN = 1.5;
const FAR = 48;
const FAR_SHARE = 0.008;
const keep = Boolean(process.env.REACTOR_KEEP_STILLS);

let studio;
before(async () => {
  studio = await openStudio();
});
after(() => studio.close());

const words = {
  title: 'Why rivers never run straight',
  subtitle: 'Three minutes on water, sand and time',
  niche: 'science',
  platform: 'youtube_shorts',
};
const clips = () => [
  {source: studio.address('film.mp4'), in_s: 0.4, out_s: 2},
  {source: studio.address('film.mp4'), in_s: 2.4, out_s: 4},
];
const PROPS = {
  TitleCard: () => words,
  Slideshow: () => ({
    ...words,
    images: ['hills.png', 'tall.png', 'sea.png'].map(studio.address),
    captions: ['', 'Noon, and not a cloud anywhere', 'Evening'],
  }),
  AudioFlame: () => ({...words, audio: studio.address('song.wav')}),
  EdlCut: () => ({...words, clips: clips(), fit: 'contain', fps: FILM_FPS}),
  MyVideo: () => ({
    ...words,
    palette: 'ocean',
    captions: ['川はなぜ曲がるのか 🌊', 'الأنهار تتذكر', 'And so on'],
  }),
};
const AT = {TitleCard: 0.6, Slideshow: 0.5, AudioFlame: 0.55, EdlCut: 0.6, MyVideo: 0.45};

for (const [id, propsOf] of Object.entries(PROPS)) {
  for (const format of FORMATS) {
    test(`${id} ${format} looks as it did`, async () => {
      const name = `${id}-${format}`;
      const props = {...propsOf(), format, quality: '720p'};
      const {output} = await studio.still(id, props, {at: AT[id], name, imageFormat: 'jpeg'});
      const golden = fileURLToPath(new URL(`golden/${name}.jpeg`, import.meta.url));
      if (keep) copyFileSync(output, golden);
      alike(pixels(output), pixels(golden), name);
    });
  }
}

function alike(seen, kept, name) {
  assert.equal(seen.length, kept.length, `${name} has another size`);
  let sum = 0;
  let far = 0;
  for (let i = 0; i < seen.length; i++) {
    const difference = Math.abs(seen[i] - kept[i]);
    sum += difference;
    if (difference > FAR) far++;
  }
  const mean = sum / seen.length;
  const share = far / seen.length;
  assert.ok(mean <= MEAN && share <= FAR_SHARE, `${name} differs: mean ${mean}, far ${share}`);
}

test('the same props and the same frame are the same picture to the last bit', async () => {
  const props = {...words, seed: 7, format: 'clip_1_1', quality: '720p'};
  const first = await studio.still('TitleCard', props, {at: 0.3, name: 'once'});
  const second = await studio.still('title-card', props, {at: 0.3, name: 'twice'});
  assert.deepEqual(pixels(first.output), pixels(second.output));
  const other = await studio.still('TitleCard', {...props, seed: 8}, {at: 0.3, name: 'other'});
  assert.notDeepEqual(pixels(first.output), pixels(other.output));
});

test('cuts are exact to the frame', async () => {
  const props = {clips: clips(), fit: 'cover', fps: FILM_FPS, quality: '720p', format: 'full_16_9'};
  const shown = [];
  for (const frame of [0, 1, 39, 40, 41, 79]) {
    const {output} = await studio.still('EdlCut', props, {frame, name: `cut-${frame}`});
    shown.push(numberIn(pixels(output), 320));
  }
  assert.deepEqual(shown, [10, 11, 49, 60, 61, 99]);
  const other = {...props, clips: [{source: studio.address('film.mp4'), in_s: 0.5, out_s: 2}], fps: 30};
  const {output} = await studio.still('EdlCut', other, {frame: 4, name: 'cut-30'});
  assert.equal(numberIn(pixels(output), 320), 15);
});

test('size, rate and length follow from the props', async () => {
  const props = {...words, duration_s: 2.5, fps: 24, format: 'short_9_16', quality: '1080p'};
  const {composition} = await studio.still('TitleCard', props, {at: 0, name: 'measured'});
  const {width, height, fps, durationInFrames} = composition;
  assert.deepEqual(
    {width, height, fps, durationInFrames},
    {width: 1080, height: 1920, fps: 24, durationInFrames: 60},
  );
});

test('wrong props end before anything is drawn, and are named', async () => {
  const bad = studio.still('slideshow', {images: []}, {at: 0, name: 'bad'});
  await assert.rejects(bad, /props\.images: is a list of 0 \(allowed: a list of 1 to 40 paths of images\)/);
});
