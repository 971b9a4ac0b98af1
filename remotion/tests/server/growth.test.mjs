import assert from 'node:assert/strict';
import {test} from 'node:test';
import {compiled} from './compiled.mjs';

const {Growth} = await compiled('growth');

/** What is said after each render, when so many megabytes were held after it. */
function noted(...megabytes) {
  const growth = new Growth();
  return megabytes.map((one, index) => growth.note(index + 1, one));
}

test('what grows by half and 300 MB since it settled has grown', () => {
  assert.deepEqual(noted(100, 300, 500, 750, 800, 801), [false, false, false, false, false, true]);
  assert.deepEqual(noted(100, 300, 1000, 1500, 1501), [false, false, false, false, true]);
});

test('the first renders may fill what they like', () => {
  assert.deepEqual(noted(100, 2000, 2000, 2000), [false, false, false, false]);
});

test('a little that doubles is no growth', () => {
  assert.deepEqual(noted(50, 50, 50, 349), [false, false, false, false]);
});

test('where memory cannot be told nothing grows', () => {
  assert.deepEqual(noted(0, 0, 0, 0), [false, false, false, false]);
});
