/** Wrong props are said in the same words as by the embedded renderer (tests/renderserver/test_props.py). */
import assert from 'node:assert/strict';
import {test} from 'node:test';
import {compiled} from './compiled.mjs';

const {allWrong, checkProps, checkMedia, cutList, defaultLength, dimensions, pathsOf, withPaths, wholeRate} =
  await compiled('contract.ts');

const WRONG = [
  ['title-card', {fps: 0}, 'props.fps: is 0 (allowed: a whole number from 1 to 60)'],
  ['title-card', {fps: 29.97}, 'props.fps: is 29.97 (allowed: a whole number from 1 to 60)'],
  ['title-card', {title: 3}, 'props.title: is 3 (allowed: text)'],
  ['title-card', {title: {}}, 'props.title: is an object (allowed: text)'],
  ['title-card', {seed: -1}, 'props.seed: is -1 (allowed: a whole number from 0 to 9007199254740991)'],
  ['title-card', {seed: true}, 'props.seed: is true (allowed: a whole number from 0 to 9007199254740991)'],
  [
    'title-card',
    {duration_s: 0.4},
    'props.duration_s: is 0.4 (allowed: a number of seconds from 0.5 to 600)',
  ],
  [
    'title-card',
    {duration_s: '6'},
    "props.duration_s: is '6' (allowed: a number of seconds from 0.5 to 600)",
  ],
  [
    'TitleCard',
    {palette: 'pink'},
    "props.palette: is 'pink' (allowed: aurora, berry, dusk, ember, forest, gold, night, ocean, steel, violet)",
  ],
  ['slideshow', {}, 'props.images: is missing (allowed: a list of 1 to 40 paths of images)'],
  ['slideshow', {images: []}, 'props.images: is a list of 0 (allowed: a list of 1 to 40 paths of images)'],
  ['slideshow', {images: ['a', 3]}, 'props.images[1]: is 3 (allowed: a list of 1 to 40 paths of images)'],
  ['slideshow', {images: ['a'], captions: 7}, 'props.captions: is 7 (allowed: a list of at most 40 texts)'],
  ['audio-visualizer', {}, 'props.audio: is missing (allowed: the path of an audio file)'],
  ['audio-visualizer', {audio: 'a', style: 'bars'}, "props.style: is 'bars' (allowed: flame)"],
  ['edl-cut', {clips: [{}]}, 'props.clips[0].source: is missing (allowed: the path of a video)'],
  [
    'edl-cut',
    {clips: [{source: 'a', in_s: -1}]},
    "props.clips[0].in_s: is -1 (allowed: seconds from the source's beginning, 0 to 1000000)",
  ],
  [
    'edl-cut',
    {clips: [{source: 'a', out_s: 0}]},
    "props.clips[0].out_s: is 0 (allowed: seconds from the source's beginning, more than 0, up to 1000000)",
  ],
  [
    'edl-cut',
    {clips: Array(201).fill({source: 'a'})},
    'props.clips: is a list of 201 (allowed: a list of 1 to 200 objects with source, in_s, out_s)',
  ],
  ['edl-cut', {clips: [{source: 'a'}], fit: 'fill'}, "props.fit: is 'fill' (allowed: contain, cover)"],
];

for (const [template, props, message] of WRONG) {
  test(message, () => {
    const field = message.slice(0, message.indexOf(':'));
    assert.deepEqual(checkProps(template, props), {ok: false, field, message});
  });
}

test('all that is wrong is told', () => {
  const fields = allWrong('slideshow', {title: 1, fps: 0, images: []}).map(({field}) => field);
  assert.deepEqual(fields.sort(), ['props.fps', 'props.images', 'props.title']);
});

test('an unknown template names the known ones', () => {
  const {ok, field, message} = checkProps('constructor', {});
  assert.equal(ok, false);
  assert.equal(field, 'template');
  assert.match(message, /^template: 'constructor' is unknown \(allowed: .*title-card\)$/);
});

test('null is not given, one text is a list of one, unknown props are not looked at', () => {
  const {props} = checkProps('slideshow', {images: 'a.png', title: null, audio: null, other: 1});
  const {title, images, captions, fps, audio, other} = props;
  assert.deepEqual(
    {title, images, captions, fps, audio, other},
    {title: '', images: ['a.png'], captions: [], fps: 30, audio: undefined, other: undefined},
  );
});

test("a clip's null is not given", () => {
  const {props} = checkProps('edl-cut', {clips: [{source: 'a', in_s: null, out_s: null}]});
  assert.equal(props.clips[0].in_s, 0);
  assert.equal(props.clips[0].out_s, undefined);
});

test('every path is found and replaced under its name', () => {
  const props = {images: ['a', 'b'], audio: 'c', clips: [{source: 'd', in_s: 0}]};
  assert.deepEqual(
    pathsOf(props).map(({field, path}) => `${field}=${path}`),
    ['props.images[0]=a', 'props.images[1]=b', 'props.clips[0].source=d', 'props.audio=c'],
  );
  assert.deepEqual(
    withPaths(props, (_, path) => `/${path}`),
    {images: ['/a', '/b'], audio: '/c', clips: [{source: '/d', in_s: 0}]},
  );
});

test('sizes are those of the reactor', () => {
  assert.deepEqual(dimensions('short_9_16', '1080p'), {width: 1080, height: 1920});
  assert.deepEqual(dimensions('thumbnail', '720p'), {width: 1280, height: 720});
  assert.deepEqual(dimensions('clip_1_1', '4k'), {width: 2160, height: 2160});
  assert.deepEqual(dimensions('full_16_9', '4k'), {width: 3840, height: 2160});
});

const MEDIA = {a: {duration_s: 4, fps: 25, has_sound: true}, b: {duration_s: 2.5, fps: 30, has_sound: false}};
const cut = (clips, more = {}) => ({clips: clips.map((one) => ({in_s: 0, ...one})), ...more});

const UNCUTTABLE = [
  [
    cut([{source: 'a', in_s: 4}]),
    'props.clips[0].in_s: is 4, but the source ends at 4 s (allowed: 0 to less than 4)',
  ],
  [
    cut([{source: 'a'}, {source: 'b', in_s: 1, out_s: 3}]),
    'props.clips[1].out_s: is 3, but the source ends at 2.5 s (allowed: more than in_s, up to 2.5)',
  ],
  [
    cut([{source: 'a', in_s: 2, out_s: 2.01}]),
    'props.clips[0].out_s: is 2.01, less than a frame after in_s 2 (allowed: at least 0.040 s more than in_s)',
  ],
  [
    cut([{source: 'a'}], {duration_s: 5}),
    'props.duration_s: is 5, but the clips last 4 s (allowed: 4, or nothing: the clips decide it)',
  ],
  [
    cut([{source: 'long'}, {source: 'long'}]),
    'props.clips: last 4000 s together (allowed: at most 3600 s in all)',
  ],
];

for (const [props, sentence] of UNCUTTABLE) {
  test(sentence, () => {
    const [first] = checkMedia(props, {...MEDIA, long: {duration_s: 2000, fps: 25}});
    assert.equal(`${first.field}: ${first.message} (allowed: ${first.allowed})`, sentence);
  });
}

test('cuts follow one another without a gap, at the rate of the first film', () => {
  const list = cutList(
    cut([{source: 'a', in_s: 0.41, out_s: 1.22}, {source: 'b', in_s: 1}, {source: 'a'}]),
    MEDIA,
  );
  assert.equal(list.fps, 25);
  assert.equal(list.duration_s, 6.31);
  assert.deepEqual(
    list.cuts.map(({first, until}) => [first, until]),
    [
      [0, 21],
      [21, 58],
      [58, 158],
    ],
  );
  assert.deepEqual(
    list.cuts.map(({hasSound}) => hasSound),
    [true, false, true],
  );
});

test('a rate is whole, halved when it is too fast, usual when it is odd', () => {
  assert.deepEqual([23.976, 29.97, 59.94, 120, 7, 0, undefined].map(wholeRate), [24, 30, 60, 60, 30, 30, 30]);
});

test('a film that nobody gave a length is as long as the embedded one', () => {
  assert.equal(defaultLength('title-card', {}, null), 6);
  assert.equal(defaultLength('slideshow', {images: ['a', 'b']}, 99), 7);
  assert.equal(defaultLength('audio-visualizer', {audio: 'a'}, 12.5), 12.5);
  assert.equal(defaultLength('AudioFlame', {audio: 'a'}, 9999), 600);
});
