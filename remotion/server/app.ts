/** The render-server contract over HTTP: /health, /render, /status/{id}, /cancel/{id}. */
import http from 'node:http';
import {FORMATS, QUALITIES, templates} from '../src/contract';
import {bodyOf, checkStranger, Refusal} from './door';
import {RenderFailed, TryAgain} from './failure';
import {CONTAINERS, order} from './request';
import type {Places} from './places';
import type {Render} from './render';
import type {Renders} from './renders';

export const NAME = 'remotion';
const LONGEST_WAIT_S = 30;

export interface Versions {
  version(): string;
  browser(): string;
}

interface Answer {
  status: number;
  body: unknown;
  headers?: Record<string, string>;
}

export function createApp(renders: Renders, places: Places, versions: Versions, bound: string): http.Server {
  const app = new App(renders, places, versions);
  const server = http.createServer((request, response) => {
    void answered(app, request, bound).then((answer) => {
      send(response, answer);
    });
  });
  server.keepAliveTimeout = 5_000;
  return server;
}

class App {
  constructor(
    private readonly renders: Renders,
    private readonly places: Places,
    private readonly versions: Versions,
  ) {}

  async route(request: http.IncomingMessage): Promise<Answer> {
    const url = new URL(request.url ?? '/', 'http://server');
    const [, verb = '', name] = url.pathname.split('/').map(decoded);
    switch (`${request.method ?? ''} ${verb}`) {
      case 'GET health':
        return {status: 200, body: this.health()};
      case 'POST render':
        return this.render(await bodyOf(request));
      case 'GET status':
        return this.status(name ?? '', url.searchParams.get('wait') ?? '0');
      case 'POST cancel':
        return this.cancel(name ?? '');
      default:
        return problem(
          404,
          'input',
          'there is nothing here (allowed: /health, /render, /status/{id}, /cancel/{id})',
        );
    }
  }

  /** Who is here, what it can draw and how busy it is. */
  private health(): Record<string, unknown> {
    const {trouble} = this.renders;
    return {
      ok: trouble === null,
      ...(trouble === null ? {} : {message: trouble}),
      name: NAME,
      version: this.versions.version(),
      pid: process.pid,
      capacity: this.renders.limits.capacity,
      busy: this.renders.busy,
      templates,
      formats: FORMATS,
      qualities: QUALITIES,
      containers: CONTAINERS,
      browser: this.versions.browser(),
      node: process.versions.node,
      tabs: this.renders.limits.tabs,
    };
  }

  private async render(asked: unknown): Promise<Answer> {
    const known = this.renders.named(asked) ?? this.renders.begin(order(asked, this.places));
    const accepted = await this.renders.join(known);
    return {status: 202, body: {id: accepted.order.id}};
  }

  /** How far a render is; with `wait`, as soon as it has ended or after so many seconds. */
  private async status(name: string, wait: string): Promise<Answer> {
    const found = this.renders.known.get(name);
    if (!found) return unknown(name);
    const seconds = Number(wait);
    if (Number.isNaN(seconds) || wait.trim() === '') {
      return problem(400, 'input', `wait: is '${wait.slice(0, 20)}' (allowed: 0 to 30)`, 'wait');
    }
    await found.ended.wait(Math.min(Math.max(seconds, 0), LONGEST_WAIT_S));
    return whole(found);
  }

  /** End a render; an ended one stays what it is. */
  private async cancel(name: string): Promise<Answer> {
    const found = this.renders.known.get(name);
    if (!found) return unknown(name);
    await this.renders.cancel(found);
    return whole(found);
  }
}

async function answered(app: App, request: http.IncomingMessage, bound: string): Promise<Answer> {
  try {
    checkStranger(request, bound);
    return await app.route(request);
  } catch (wrong) {
    if (wrong instanceof RenderFailed) {
      return problem(400, wrong.failure, wrong.message, wrong.message.split(':', 1)[0]);
    }
    if (wrong instanceof TryAgain)
      return {...problem(wrong.status, 'resource', wrong.message), headers: {'Retry-After': '1'}};
    if (wrong instanceof Refusal)
      return {...problem(wrong.status, 'input', wrong.message), headers: {Connection: 'close'}};
    console.error(wrong);
    return problem(500, 'crash', wrong instanceof Error ? wrong.message : String(wrong));
  }
}

function send(response: http.ServerResponse, {status, body, headers}: Answer): void {
  const text = Buffer.from(JSON.stringify(body));
  response
    .writeHead(status, {...headers, 'Content-Type': 'application/json', 'Content-Length': text.length})
    .end(text);
}

function whole(render: Render): Answer {
  return {status: 200, body: render};
}

/** There is no such render: never was, was forgotten, or was lost in a restart. */
function unknown(name: string): Answer {
  return problem(404, 'input', `id: '${name.slice(0, 100)}' is unknown`, 'id');
}

function problem(status: number, failure: string, message: string, field?: string): Answer {
  return {status, body: {error: {class: failure, message, ...(field ? {field} : {})}}};
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
