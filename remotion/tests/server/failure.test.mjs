import assert from 'node:assert/strict';
import {test} from 'node:test';
import {compiled} from './compiled.mjs';

const {badInput, classified} = await compiled('failure');

for (const [message, kind] of [
  ['Protocol error (Page.captureScreenshot): Target closed. See https://x', 'crash'],
  ['Page crashed!', 'crash'],
  ['Session closed. Most likely the page has been closed.', 'crash'],
  ['A delayRender() "Loading film" was called but not cleared after 28000ms', 'stall'],
  ['Timeout (30000ms) exceeded rendering the component at frame 3', 'stall'],
  ["ENOSPC: no space left on device, open '/x'", 'resource'],
  ['Could not take a screenshot because Google Chrome ran out of memory or disk space.', 'crash'],
  ['x is not a function', 'crash'],
]) {
  test(`'${message.slice(0, 40)}' is ${kind}`, () => {
    assert.equal(classified(new Error(message)).failure, kind);
  });
}

test('what a composition refuses is input, in its own words', () => {
  const wrong = new Error(
    'Error: props.images[0]: is broken (allowed: jpg, png)\n    at Slideshow (index.js:3)',
  );
  const found = classified(wrong);
  assert.equal(found.failure, 'input');
  assert.equal(found.message, 'props.images[0]: is broken (allowed: jpg, png)');
});

test('a system error is told by its code', () => {
  const full = Object.assign(new Error('write failed'), {code: 'ENOSPC'});
  assert.equal(classified(full).failure, 'resource');
});

test('the frame is kept, and whatever was thrown becomes one line', () => {
  const wrong = Object.assign(new Error('one\n  two'), {frame: 7});
  assert.equal(classified(wrong).frame, 7);
  assert.equal(classified(wrong).message, 'one two');
  assert.equal(classified('only text').message, 'only text');
  assert.equal(classified(badInput('id', 'is missing')).message, 'id: is missing');
});

test('an encoder that fails says why, without its banner', () => {
  const banner = 'ffmpeg version n7.1\n  configuration: --disable-everything --enable-error\n';
  const said = (line) =>
    classified(
      new Error(
        `FFmpeg quit with code 228 \nThe FFmpeg output was ${banner}  lib 1\n${line}\nConversion failed!`,
      ),
    );
  assert.equal(
    said('frame= 31\r[out#0/webm] Error writing trailer: No space left on device').message,
    'FFmpeg quit with code 228: [out#0/webm] Error writing trailer: No space left on device',
  );
  assert.equal(said('Invalid data found').failure, 'crash');
  assert.equal(
    said('[in#0] Invalid data found').message,
    'FFmpeg quit with code 228: [in#0] Invalid data found',
  );
});
