/** Which typeface draws what, and colours that both renderers choose alike. */
import assert from 'node:assert/strict';
import {readFileSync} from 'node:fs';
import {test} from 'node:test';
import {coverage} from '../../src/type/cmap.mjs';
import {compiled} from './compiled.mjs';

const {clean, directionOf, drawable, facesFor, runs} = await compiled('type/faces.ts');
const {numberOf} = await compiled('look/palette.ts');

test('coverage.json is what the vendored typefaces have', () => {
  const kept = readFileSync(new URL('../../src/type/coverage.json', import.meta.url), 'utf8');
  assert.deepEqual(JSON.parse(kept), coverage());
});

test('control and direction characters, emoji selectors and double spaces are left out', () => {
  assert.equal(clean(' a\u0000\u202e b\n\n c\ufe0f '), 'a b c');
  assert.equal(clean('e\u0301'), '\u00e9');
  assert.equal(clean('x'.repeat(1000)).length, 360);
});

test('what no typeface has becomes a sign for it, not an empty box', () => {
  assert.equal(drawable('a \u{12000} b'), 'a \ufffd b');
});

test('a text is cut where the typeface changes; marks stay with their letter', () => {
  const cut = runs('Hi 日本 🚀👍🏽 नमस्ते');
  assert.deepEqual(
    cut.map(({face, text}) => `${face}:${text}`),
    ['inter:Hi ', 'droid:日本', 'inter: ', 'emoji:🚀👍🏽', 'inter: ', 'devanagari:नमस्ते'],
  );
});

test('only the typefaces that are needed are loaded', () => {
  assert.deepEqual(facesFor(['Hello', 'Привет, Ελλάδα']), ['display', 'text']);
  assert.deepEqual(facesFor(['สวัสดี', 'שלום']), ['display', 'text', 'thai', 'hebrew']);
});

test('the first letter decides which way a text is read', () => {
  assert.equal(directionOf('2024 مرحبا hello'), 'rtl');
  assert.equal(directionOf('hello שלום'), 'ltr');
});

test("a text's number is the embedded renderer's (blake2s, six bytes)", () => {
  assert.equal(numberOf('Hello'), 0xf13b7b9a2b90);
  assert.equal(numberOf('Grüße aus Überall '.repeat(8)), 79_259_271_672_131);
  assert.equal(numberOf(''), 0xef6e31b489af);
});
