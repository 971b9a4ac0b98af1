import assert from 'node:assert/strict';
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {after, before, test} from 'node:test';
import {compiled} from './compiled.mjs';

const {Files} = await compiled('files');
const folder = mkdtempSync(path.join(tmpdir(), 'reactor-files-'));
const film = path.join(folder, 'film.mp4');
const files = new Files();
let address;
let take;

before(async () => {
  writeFileSync(film, '0123456789');
  await files.open();
  const place = files.shelf();
  address = place.shelf.address(film);
  take = place.take;
});
after(() => {
  files.close();
  rmSync(folder, {recursive: true});
});

test('a file is given whole, to any page, with its kind', async () => {
  const answer = await fetch(address);
  assert.equal(answer.status, 200);
  assert.equal(answer.headers.get('content-type'), 'video/mp4');
  assert.equal(answer.headers.get('access-control-allow-origin'), '*');
  assert.equal(await answer.text(), '0123456789');
});

for (const [range, part, said] of [
  ['bytes=2-4', '234', 'bytes 2-4/10'],
  ['bytes=7-', '789', 'bytes 7-9/10'],
  ['bytes=-3', '789', 'bytes 7-9/10'],
  ['bytes=8-99', '89', 'bytes 8-9/10'],
]) {
  test(`${range} is a part of it`, async () => {
    const answer = await fetch(address, {headers: {range}});
    assert.equal(answer.status, 206);
    assert.equal(answer.headers.get('content-range'), said);
    assert.equal(await answer.text(), part);
  });
}

test('a range behind the end cannot be had', async () => {
  const answer = await fetch(address, {headers: {range: 'bytes=10-'}});
  assert.equal(answer.status, 416);
  assert.equal(answer.headers.get('content-range'), 'bytes */10');
});

test('HEAD tells the length', async () => {
  const answer = await fetch(address, {method: 'HEAD'});
  assert.equal(answer.headers.get('content-length'), '10');
});

test('nothing else is there', async () => {
  const {origin, pathname} = new URL(address);
  const token = pathname.split('/')[1];
  for (const other of [
    '/',
    `/${token}`,
    `/${token}/1.mp4`,
    `/${token}/../etc/passwd`,
    '/guess/0.mp4',
    `/${token}/-1`,
  ]) {
    assert.equal((await fetch(origin + other)).status, 404, other);
  }
});

test('the address ends with its render', async () => {
  take();
  assert.equal((await fetch(address)).status, 404);
});
