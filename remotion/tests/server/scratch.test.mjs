import assert from 'node:assert/strict';
import {lstatSync, mkdtempSync, rmSync, symlinkSync} from 'node:fs';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {afterEach, beforeEach, test} from 'node:test';
import {compiled} from './compiled.mjs';

const {homes} = await compiled('scratch');
const LONG = path.join('/somewhere', 'far/'.repeat(30), 'remotion');
/** What the kernel takes, and what Chromium makes below the directory of the worker. */
const SOCKET_PATH = 107;
const SOCKET = '/4194304-9999/org.chromium.Chromium.AbCdEf/SingletonSocket';

let temporary;
const usual = process.env.TMPDIR;

beforeEach(() => {
  temporary = mkdtempSync(path.join(tmpdir(), 'scratch-'));
  process.env.TMPDIR = temporary;
});
afterEach(() => {
  if (usual === undefined) delete process.env.TMPDIR;
  else process.env.TMPDIR = usual;
  rmSync(temporary, {recursive: true});
});

test('workers live beside the renders', () => {
  assert.equal(homes('/var/lib/reactor/remotion'), '/var/lib/reactor/remotion/home');
});

test('where that is too long for a socket they live in a directory that is ours alone', () => {
  const home = homes(LONG);
  assert.equal(path.dirname(home), temporary);
  assert.ok((home + SOCKET).length <= SOCKET_PATH, home);
  assert.equal(lstatSync(home).mode & 0o777, 0o700);
  assert.equal(homes(LONG), home);
});

test('what somebody else has put under its name is not used', () => {
  const usually = homes(LONG);
  rmSync(usually, {recursive: true});
  symlinkSync('/etc', usually);
  const home = homes(LONG);
  assert.notEqual(home, usually);
  assert.equal(path.dirname(home), temporary);
  assert.equal(lstatSync(home).mode & 0o777, 0o700);
});

test('no data directory is long enough for the socket not to fit', () => {
  for (let length = 1; length < 200; length++) {
    const home = homes(`/${'a'.repeat(length)}`);
    assert.ok((home + SOCKET).length <= SOCKET_PATH, home);
  }
});
