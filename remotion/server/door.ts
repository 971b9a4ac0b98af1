/** Manners towards strangers: other people's web pages are kept out, and bodies are JSON of a bearable size. */
import type {IncomingMessage} from 'node:http';
import net from 'node:net';

/** Bytes of JSON. */
const BODY_LIMIT = 1 << 20;
const SAFE = ['GET', 'HEAD', 'OPTIONS'];
const SAME_SITE = ['same-origin', 'none'];

/** A request that gets an answer of ours. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

/** Refuse foreign hosts (DNS rebinding) and foreign origins (CSRF). */
export function checkStranger({headers, method}: IncomingMessage, bound: string): void {
  const host = headers.host ?? '';
  if (!isOurs(host, bound)) {
    throw new Refusal(421, "Host: only this machine's own names are served here (127.0.0.1, localhost)");
  }
  if (SAFE.includes(method ?? '')) return;
  const {origin} = headers;
  const site = headers['sec-fetch-site'] ?? 'none';
  const same = origin === undefined || origin.split('://')[1]?.toLowerCase() === host.toLowerCase();
  if (!same || !SAME_SITE.includes(site)) {
    throw new Refusal(403, 'Origin: requests from other web pages are not accepted');
  }
}

function isOurs(host: string, bound: string): boolean {
  try {
    const name = new URL(`http://${host}`).hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '');
    return name === 'localhost' || name === bound || isLoopback(name);
  } catch {
    return false;
  }
}

function isLoopback(name: string): boolean {
  return name === '::1' || (net.isIPv4(name) && name.startsWith('127.'));
}

/** The request's JSON; undefined when it is none, and what reads it refuses that. */
export async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const kind = (request.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  const length = Number(request.headers['content-length'] ?? 0);
  if (length > BODY_LIMIT) throw tooLarge();
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += (chunk as Buffer).length;
    if (size > BODY_LIMIT) throw tooLarge();
    chunks.push(chunk as Buffer);
  }
  if (size && kind !== 'application/json') {
    throw new Refusal(415, `Content-Type: '${kind}' is not accepted (allowed: application/json)`);
  }
  try {
    // JSON can hold half a character, which no file name, log or answer can.
    return JSON.parse(Buffer.concat(chunks).toString('utf8'), (_, value: unknown) =>
      typeof value === 'string' ? value.toWellFormed() : value,
    );
  } catch {
    return undefined;
  }
}

function tooLarge(): Refusal {
  return new Refusal(413, `body: at most ${BODY_LIMIT} bytes are accepted`);
}
