/**
 * Gives the browser the files of a render, and nothing else: over HTTP on 127.0.0.1, under an address nobody
 * can guess, in ranges, because films are read in pieces. The address is gone when the render is.
 */
import crypto from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import type {AddressInfo} from 'node:net';
import path from 'node:path';
import {pipeline} from 'node:stream';

const KINDS: Record<string, string> = {
  jpg: 'image/jpeg',
  jpeg: 'image/jpeg',
  png: 'image/png',
  gif: 'image/gif',
  webp: 'image/webp',
  bmp: 'image/bmp',
  mp3: 'audio/mpeg',
  wav: 'audio/wav',
  m4a: 'audio/mp4',
  aac: 'audio/aac',
  ogg: 'audio/ogg',
  oga: 'audio/ogg',
  opus: 'audio/ogg',
  flac: 'audio/flac',
  mp4: 'video/mp4',
  mov: 'video/quicktime',
  mkv: 'video/x-matroska',
  webm: 'video/webm',
  avi: 'video/x-msvideo',
  ts: 'video/mp2t',
};
const OPEN_TO_PAGES = {
  'Access-Control-Allow-Origin': '*',
  'Access-Control-Expose-Headers': 'Content-Length, Content-Range, Accept-Ranges',
  'Cross-Origin-Resource-Policy': 'cross-origin',
  'Cache-Control': 'no-store',
};

/** The files of one render. */
export class Shelf {
  private readonly paths: string[] = [];

  constructor(private readonly base: string) {}

  /** The address of a file; the same file has one. */
  address(file: string): string {
    const known = this.paths.indexOf(file);
    const index = known < 0 ? this.paths.push(file) - 1 : known;
    const ending = path.extname(file).toLowerCase();
    return `${this.base}/${index}${/^\.[a-z0-9]{1,8}$/.test(ending) ? ending : ''}`;
  }

  file(index: number): string | undefined {
    return this.paths[index];
  }
}

export class Files {
  private readonly server = http.createServer((request, response) => {
    this.answer(request, response);
  });
  private readonly shelves = new Map<string, Shelf>();

  async open(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.server.once('error', reject).listen(0, '127.0.0.1', resolve);
    });
  }

  close(): void {
    this.server.close();
    this.server.closeAllConnections();
  }

  /** A place for the files of one render; `take` ends it. */
  shelf(): {shelf: Shelf; take: () => void} {
    const token = crypto.randomBytes(24).toString('base64url');
    const shelf = new Shelf(`http://127.0.0.1:${(this.server.address() as AddressInfo).port}/${token}`);
    this.shelves.set(token, shelf);
    return {shelf, take: () => this.shelves.delete(token)};
  }

  private answer(request: http.IncomingMessage, response: http.ServerResponse): void {
    const [, token = '', name = ''] = (request.url ?? '').split('?', 1)[0]?.split('/') ?? [];
    const file = this.shelves.get(token)?.file(Number.parseInt(name, 10));
    if (request.method === 'OPTIONS') {
      response.writeHead(204, {...OPEN_TO_PAGES, 'Access-Control-Allow-Headers': 'Range'}).end();
    } else if (!file || (request.method !== 'GET' && request.method !== 'HEAD')) {
      response.writeHead(404, OPEN_TO_PAGES).end();
    } else {
      send(file, request, response);
    }
  }
}

function send(file: string, request: http.IncomingMessage, response: http.ServerResponse): void {
  const stat = fs.statSync(file, {throwIfNoEntry: false});
  if (!stat?.isFile()) {
    response.writeHead(404, OPEN_TO_PAGES).end();
    return;
  }
  const headers = {
    ...OPEN_TO_PAGES,
    'Accept-Ranges': 'bytes',
    'Content-Type': KINDS[path.extname(file).slice(1).toLowerCase()] ?? 'application/octet-stream',
  };
  const range = rangeOf(request.headers.range, stat.size);
  if (range === 'unsatisfiable') {
    response.writeHead(416, {...headers, 'Content-Range': `bytes */${stat.size}`}).end();
    return;
  }
  const {first, last} = range ?? {first: 0, last: stat.size - 1};
  const part = range ? {'Content-Range': `bytes ${first}-${last}/${stat.size}`} : {};
  response.writeHead(range ? 206 : 200, {...headers, ...part, 'Content-Length': last - first + 1});
  if (request.method === 'HEAD' || last < first) {
    response.end();
    return;
  }
  // A browser that has read enough closes: that is no error.
  pipeline(fs.createReadStream(file, {start: first, end: last}), response, () => undefined);
}

/** The bytes a Range header asks for; null for all of them, also when it is none of ours. */
export function rangeOf(
  header: string | undefined,
  size: number,
): {first: number; last: number} | 'unsatisfiable' | null {
  const [, from = '', to = ''] = /^bytes=(\d*)-(\d*)$/.exec(header ?? '') ?? [];
  if (!from && !to) return null;
  const first = from ? Number(from) : Math.max(0, size - Number(to));
  const last = from && to ? Math.min(Number(to), size - 1) : size - 1;
  return first >= size || last < first ? 'unsatisfiable' : {first, last};
}
