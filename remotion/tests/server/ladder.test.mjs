import assert from 'node:assert/strict';
import {test} from 'node:test';
import {compiled} from './compiled.mjs';

const {Ladder} = await compiled('ladder');

test('after a crash the next attempt of that job has half the tabs, down to one', () => {
  const ladder = new Ladder(30);
  const seen = [];
  for (const attempt of [1, 2, 3, 4]) {
    seen.push(ladder.step(`42-${attempt}-abc`, 4, 120).tabs);
    ladder.note(`42-${attempt}-abc`, 'crash');
  }
  assert.deepEqual(seen, [4, 2, 1, 1]);
  assert.equal(ladder.step('43-1-abc', 4, 120).tabs, 4);
});

test('after a stall a frame may take longer, but never as long as the stall timer', () => {
  const ladder = new Ladder(30);
  assert.equal(ladder.step('42-1', 1, 120).patience_s, 30);
  ladder.note('42-1', 'stall');
  assert.equal(ladder.step('42-2', 1, 120).patience_s, 90);
  ladder.note('42-2', 'stall');
  assert.equal(ladder.step('42-3', 1, 120).patience_s, 108);
});

test('a good end makes the job forgotten', () => {
  const ladder = new Ladder(30);
  ladder.note('42-1', 'crash');
  ladder.note('42-2', null);
  assert.equal(ladder.step('42-3', 4, 120).tabs, 4);
});
