import assert from 'node:assert/strict';
import {mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {after, test} from 'node:test';
import {compiled} from './compiled.mjs';

const {asset, outputPath} = await compiled('places');
const folder = mkdtempSync(path.join(tmpdir(), 'reactor-places-'));
const uploads = path.join(folder, 'uploads');
const renders = path.join(folder, 'renders');
mkdirSync(uploads);
mkdirSync(renders);
writeFileSync(path.join(uploads, 'a.png'), '');
writeFileSync(path.join(folder, 'secret.png'), '');
symlinkSync(folder, path.join(uploads, 'out'));
symlinkSync(tmpdir(), path.join(renders, 'out'));
after(() => {
  rmSync(folder, {recursive: true});
});

test('a relative path is looked for in the first directory', () => {
  assert.equal(asset('props.images[0]', 'a.png', [uploads]), path.join(uploads, 'a.png'));
});

for (const given of ['../secret.png', 'out/secret.png', '/etc/passwd', '', '..', 'a\0.png']) {
  test(`an asset at '${given.replace('\0', '\\0')}' is refused`, () => {
    assert.throws(() => asset('props.images[0]', given, [uploads]), {
      failure: 'input',
      message: /^props\.images\[0\]: /,
    });
  });
}

for (const given of [
  'out/x.mp4',
  '../x.mp4',
  '/elsewhere/x.mp4',
  'no/where.mp4',
  'x.exe',
  '',
  '.mp4',
  'a\0.mp4',
]) {
  test(`an output at '${given.replace('\0', '\\0')}' is refused`, () => {
    assert.throws(() => outputPath(given, 'mp4', renders), {failure: 'input', message: /^output_path: /});
  });
}

test('an output that is taken is refused', () => {
  writeFileSync(path.join(renders, 'taken.mp4'), '');
  assert.throws(() => outputPath('taken.mp4', 'mp4', renders), /exists already/);
});
