/* global Buffer */
/** Pictures, a sound and a film for the tests, made here: always the same ones. */
import {writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {crc32, deflateSync} from 'node:zlib';
import {ffmpeg} from './ffmpeg.mjs';

const RATE = 48_000;
export const FILM_FPS = 25;
const FILM = {width: 640, height: 360, seconds: 4};
const BITS = 8;

/** Writes all of them into a folder. */
export function makeMedia(folder) {
  const at = (name) => join(folder, name);
  picture(at('hills.png'), 960, 640, hills([24, 60, 110], [250, 170, 110], 0));
  picture(at('tall.png'), 480, 800, hills([70, 20, 60], [250, 120, 120], 2));
  picture(at('sea.png'), 800, 600, hills([5, 40, 60], [150, 220, 220], 4));
  sound(at('song.wav'));
  film(at('film.mp4'));
}

function picture(path, width, height, colorAt) {
  const data = Buffer.alloc(width * height * 3);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      data.set(colorAt(x / width, y / height, width / height), (y * width + x) * 3);
    }
  }
  writeFileSync(path, png(width, height, data));
}

/** The pixels as a PNG file; Remotion's ffmpeg takes no bare ones. */
function png(width, height, data) {
  const rows = Buffer.alloc(height * (width * 3 + 1));
  for (let y = 0; y < height; y++) {
    data.copy(rows, y * (width * 3 + 1) + 1, y * width * 3, (y + 1) * width * 3);
  }
  const header = Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 8, 2, 0, 0, 0]);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  const begin = Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]);
  const packed = deflateSync(rows, {level: 1});
  return Buffer.concat([begin, chunk('IHDR', header), chunk('IDAT', packed), chunk('IEND')]);
}

function chunk(name, data = Buffer.alloc(0)) {
  const named = Buffer.concat([Buffer.from(name, 'latin1'), data]);
  const framed = Buffer.alloc(named.length + 8);
  framed.writeUInt32BE(data.length, 0);
  named.copy(framed, 4);
  framed.writeUInt32BE(crc32(named), named.length + 4);
  return framed;
}

/** Ranges of hills in front of one another under a sky with a sun. */
function hills(near, sky, phase) {
  return (x, y, shape) => {
    const sun = Math.hypot((x - 0.7) * shape, y - 0.28) < 0.09 ? 1 : 0;
    let color = sky.map((c) => c * (0.65 + 0.5 * y) + sun * 60);
    for (let range = 0; range < 4; range++) {
      const wave = Math.sin(x * (5 + range * 3) + phase + range * 2) * 0.06;
      const ridge = 0.42 + range * 0.13 + wave + Math.sin(x * 23 + range) * 0.012;
      const share = (range + 1) / 4;
      if (y > ridge) color = sky.map((c, i) => c * (1 - share) * 0.8 + near[i] * share);
    }
    return color.map((c) => Math.min(255, Math.max(0, Math.round(c))));
  };
}

/** A beat, a bass and a tune: all pitches have something to do. */
function sound(path) {
  const length = RATE * 6;
  const samples = Buffer.alloc(length * 2);
  let seed = 1;
  for (let i = 0; i < length; i++) {
    const t = i / RATE;
    const beat = t % 0.5;
    seed = (seed * 1103515245 + 12345) % 2147483648;
    const hiss = (seed / 1073741824 - 1) * Math.exp(-(t % 0.25) * 30) * 0.12;
    const drum = Math.sin(2 * Math.PI * (50 + 60 * Math.exp(-beat * 30)) * beat);
    const note = 220 * 2 ** ([0, 3, 7, 10, 12, 7][Math.floor(t * 4) % 6] / 12);
    const tune = [1, 2, 3, 5].reduce((sum, n) => sum + Math.sin(2 * Math.PI * note * n * t) / n, 0);
    const value = drum * Math.exp(-beat * 9) * 0.5 + tune * 0.12 + hiss;
    samples.writeInt16LE(Math.round(Math.max(-1, Math.min(1, value)) * 32000), i * 2);
  }
  writeFileSync(path, Buffer.concat([waveHeader(samples.length), samples]));
}

/** What stands before 16-bit mono samples. */
function waveHeader(size) {
  const header = Buffer.alloc(44);
  header.write('RIFF', 0, 'latin1');
  header.writeUInt32LE(36 + size, 4);
  header.write('WAVEfmt ', 8, 'latin1');
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20);
  header.writeUInt16LE(1, 22);
  header.writeUInt32LE(RATE, 24);
  header.writeUInt32LE(RATE * 2, 28);
  header.writeUInt16LE(2, 32);
  header.writeUInt16LE(16, 34);
  header.write('data', 36, 'latin1');
  header.writeUInt32LE(size, 40);
  return header;
}

/** A film whose every picture has its number in it: eight bars at the top, white for one, black for nought. */
function film(path) {
  const {width, height, seconds} = FILM;
  const frames = [];
  for (let number = 0; number < seconds * FILM_FPS; number++) {
    const data = Buffer.alloc(width * height * 3);
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const lit = (number >> (BITS - 1 - Math.floor((x / width) * BITS))) & 1 ? 255 : 0;
        const color = y < height / 4 ? [lit, lit, lit] : scene(x / width, y / height, number);
        data.set(color, (y * width + x) * 3);
      }
    }
    frames.push(png(width, height, data));
  }
  const args = ['-c:v', 'libx264', '-preset', 'veryfast', '-pix_fmt', 'yuv420p', '-g', '25'];
  const given = ['-f', 'image2pipe', '-framerate', String(FILM_FPS), '-c:v', 'png', '-i', '-'];
  ffmpeg([...given, ...args, '-y', path], Buffer.concat(frames));
}

function scene(x, y, number) {
  const ball = Math.hypot(x - 0.1 - number / 125, (y - 0.6) * 0.6) < 0.07;
  return ball ? [250, 210, 90] : [30 + 90 * y, 60 + 60 * x, 120 - 40 * y].map(Math.round);
}

/** The number that a picture of the film has in it. */
export function numberIn(data, width) {
  let number = 0;
  for (let bit = 0; bit < BITS; bit++) {
    const x = Math.floor(((bit + 0.5) / BITS) * width);
    number = number * 2 + (data[(4 * width + x) * 3] > 127 ? 1 : 0);
  }
  return number;
}
