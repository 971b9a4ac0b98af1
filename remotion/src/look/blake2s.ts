/**
 * BLAKE2s (RFC 7693) with a digest of any size and no key: six bytes of it choose a palette here as
 * they do in the embedded renderer, so that a title has the same colours in both.
 */

const START = [
  0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
];
const ORDERS = [
  '0123456789abcdef',
  'ea489fd61c02b753',
  'b8c052fdae367194',
  '7931dcbe265a40f8',
  '905724afe1bc683d',
  '2c6a0b834d75fe19',
  'c51fed4a0763928b',
  'db7ec13950f4862a',
  '6fe9b308c2d714a5',
  'a2847615fb9e3cd0',
].map((row) => Array.from(row, (digit) => parseInt(digit, 16)));
const COLUMNS = [
  [0, 4, 8, 12],
  [1, 5, 9, 13],
  [2, 6, 10, 14],
  [3, 7, 11, 15],
  [0, 5, 10, 15],
  [1, 6, 11, 12],
  [2, 7, 8, 13],
  [3, 4, 9, 14],
] as const;
const BLOCK = 64;

/** The digest's bytes. */
export function blake2s(data: Uint8Array, digestSize: number): Uint8Array {
  const state = [...START];
  state[0] = word(state, 0) ^ 0x01010000 ^ digestSize;
  const blocks = Math.max(1, Math.ceil(data.length / BLOCK));
  for (let index = 0; index < blocks; index++) {
    const block = new Uint8Array(BLOCK);
    block.set(data.subarray(index * BLOCK, (index + 1) * BLOCK));
    const last = index === blocks - 1;
    compress(state, new DataView(block.buffer), last ? data.length : (index + 1) * BLOCK, last);
  }
  const digest = new DataView(new ArrayBuffer(32));
  state.forEach((value, index) => {
    digest.setUint32(index * 4, value, true);
  });
  return new Uint8Array(digest.buffer, 0, digestSize);
}

function compress(state: number[], block: DataView, counted: number, last: boolean): void {
  const work = [...state, ...START];
  work[12] = word(work, 12) ^ counted;
  if (last) work[14] = ~word(work, 14);
  for (const order of ORDERS) {
    COLUMNS.forEach((column, index) => {
      const x = block.getUint32(word(order, index * 2) * 4, true);
      const y = block.getUint32(word(order, index * 2 + 1) * 4, true);
      mix(work, column, x, y);
    });
  }
  for (let index = 0; index < state.length; index++) {
    state[index] = word(state, index) ^ word(work, index) ^ word(work, index + 8);
  }
}

type Column = (typeof COLUMNS)[number];

function mix(v: number[], [a, b, c, d]: Column, x: number, y: number): void {
  v[a] = (word(v, a) + word(v, b) + x) | 0;
  v[d] = turned(word(v, d) ^ word(v, a), 16);
  v[c] = (word(v, c) + word(v, d)) | 0;
  v[b] = turned(word(v, b) ^ word(v, c), 12);
  v[a] = (word(v, a) + word(v, b) + y) | 0;
  v[d] = turned(word(v, d) ^ word(v, a), 8);
  v[c] = (word(v, c) + word(v, d)) | 0;
  v[b] = turned(word(v, b) ^ word(v, c), 7);
}

function word(words: readonly number[], index: number): number {
  return words[index] ?? 0;
}

function turned(value: number, by: number): number {
  return (value >>> by) | (value << (32 - by));
}
