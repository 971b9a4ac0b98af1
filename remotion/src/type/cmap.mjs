/**
 * Writes coverage.json: which characters each vendored typeface has. Run after changing a font:
 * node src/type/cmap.mjs
 */
import {readFileSync, writeFileSync} from 'node:fs';

const fonts = new URL('../../../reactor/renderserver/fonts/', import.meta.url);
const FILES = {
  inter: 'Inter-Medium.otf',
  hebrew: 'NotoSansHebrew-Bold.ttf',
  arabic: 'NotoSansArabic-Bold.ttf',
  thai: 'NotoSansThai-Bold.ttf',
  devanagari: 'NotoSansDevanagari-Bold.ttf',
  emoji: 'NotoEmoji-Bold.ttf',
  dejavu: 'DejaVuSans-Bold.ttf',
  droid: 'DroidSansFallback.ttf',
};

/** The code points of a font with a glyph of their own, ascending. */
export function codePoints(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const cmap = tableAt(view, 'cmap');
  const found = new Set();
  for (let i = 0; i < view.getUint16(cmap + 2); i++) {
    const at = cmap + view.getUint32(cmap + 4 + i * 8 + 4);
    const format = view.getUint16(at);
    if (format === 4) segments(view, at, found);
    if (format === 12) groups(view, at, found);
  }
  return [...found].sort((a, b) => a - b);
}

function tableAt(view, name) {
  for (let i = 0; i < view.getUint16(4); i++) {
    const at = 12 + i * 16;
    const tag = String.fromCharCode(...[0, 1, 2, 3].map((n) => view.getUint8(at + n)));
    if (tag === name) return view.getUint32(at + 8);
  }
  throw new Error(`no table ${name}`);
}

function segments(view, at, found) {
  const twice = view.getUint16(at + 6);
  for (let i = 0; i < twice; i += 2) {
    const last = view.getUint16(at + 14 + i);
    const first = view.getUint16(at + 16 + twice + i);
    const delta = view.getUint16(at + 16 + 2 * twice + i);
    const offsetAt = at + 16 + 3 * twice + i;
    const offset = view.getUint16(offsetAt);
    for (let code = first; code <= last && code < 0xffff; code++) {
      const glyph = offset ? view.getUint16(offsetAt + offset + (code - first) * 2) : code;
      if (glyph && (glyph + delta) & 0xffff) found.add(code);
      else if (!offset && (code + delta) & 0xffff) found.add(code);
    }
  }
}

function groups(view, at, found) {
  for (let i = 0; i < view.getUint32(at + 12); i++) {
    const group = at + 16 + i * 12;
    for (let code = view.getUint32(group); code <= view.getUint32(group + 4); code++) {
      if (view.getUint32(group + 8)) found.add(code);
    }
  }
}

/** Steps and lengths of the ranges by turns, in base 36: short, and quick to read. */
export function packed(codes) {
  const numbers = [];
  let end = 0;
  for (let i = 0; i < codes.length;) {
    let j = i;
    while (j + 1 < codes.length && codes[j + 1] === codes[j] + 1) j++;
    numbers.push(codes[i] - end, codes[j] - codes[i] + 1);
    end = codes[j] + 1;
    i = j + 1;
  }
  return numbers.map((number) => number.toString(36)).join(' ');
}

export function coverage() {
  return Object.fromEntries(
    Object.entries(FILES).map(([name, file]) => [
      name,
      packed(codePoints(readFileSync(new URL(file, fonts)))),
    ]),
  );
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  const target = new URL('coverage.json', import.meta.url);
  writeFileSync(target, JSON.stringify(coverage(), null, 2) + '\n');
}
