/** Why a render ends without a video: the classes of the reactor, and what Remotion's words mean in them. */

export type FailureClass = 'input' | 'crash' | 'stall' | 'resource' | 'infrastructure' | 'bad_output';

/** A failure of one render, with the class that decides what the reactor does about it. */
export class RenderFailed extends Error {
  constructor(
    readonly failure: FailureClass,
    message: string,
    readonly frame: number | null = null,
  ) {
    super(message);
    this.name = 'RenderFailed';
  }
}

/** There is no room now, or nothing to draw with; asking again later is right. */
export class TryAgain extends Error {
  constructor(
    message: string,
    readonly status: 429 | 503 = 429,
  ) {
    super(message);
  }
}

/** Names the field that is wrong and what it may be; such a render is never tried again. */
export function badInput(field: string, problem: string, allowed = ''): RenderFailed {
  return new RenderFailed('input', `${field}: ${problem}${allowed ? ` (allowed: ${allowed})` : ''}`);
}

const BAD_PROPS = /(props\.\S+: .*\(allowed: .*\))/;
/** The first that fits. Remotion guesses "ran out of memory or disk space" also when its browser was killed. */
const TELLING: [FailureClass, RegExp][] = [
  ['resource', /ENOSPC|EDQUOT|ENOMEM|no space left/i],
  [
    'crash',
    /target closed|session closed|page crashed|browser.*(closed|crash|disconnect)|ECONNRESET|out of memory or disk/i,
  ],
  ['stall', /delayRender|timed? ?out/i],
];
const ENCODER = /^(FFmpeg quit with code \d+)/;
const BANNER = /^(configuration:|FFmpeg quit|.*FFmpeg output was)/;
const FAILED = /error|failed|invalid|cannot|unable/i;
const LONGEST = 400;

/** What a throw of Remotion's means: its first line says it, a stack is for the log. */
export function classified(wrong: unknown): RenderFailed {
  if (wrong instanceof RenderFailed) return wrong;
  const {message, frame} = said(wrong);
  const refusal = BAD_PROPS.exec(message);
  if (refusal?.[1]) return new RenderFailed('input', refusal[1].slice(0, LONGEST), frame);
  const [kind, tells] = TELLING.find(([, words]) => words.test(message)) ?? ['crash', FAILED];
  return new RenderFailed(kind, firstLines(withoutBanner(message, tells)), frame);
}

/** An encoder says who built it first and for long; its code, and the first line that tells, are enough. */
function withoutBanner(message: string, tells: RegExp): string {
  const code = ENCODER.exec(message)?.[1];
  if (!code) return message;
  const lines = message.split(/[\r\n]+/).map((line) => line.trim());
  return `${code}: ${lines.find((line) => tells.test(line) && !BANNER.test(line)) ?? lines.at(-1) ?? ''}`;
}

function said(wrong: unknown): {message: string; frame: number | null} {
  if (!(wrong instanceof Error)) return {message: String(wrong), frame: null};
  const {code, frame} = wrong as {code?: unknown; frame?: unknown};
  const message =
    typeof code === 'string' && !wrong.message.includes(code) ? `${code}: ${wrong.message}` : wrong.message;
  return {message: message || wrong.name, frame: typeof frame === 'number' ? frame : null};
}

/** A throw of Remotion's for people: without the stacks and the addresses of its manual in its message. */
export function inOneLine(wrong: unknown): string {
  const lines = (wrong instanceof Error ? wrong.message : String(wrong)).split('\n');
  return firstLines(lines.filter((line) => !/^\s*at |troubleshooting/i.test(line)).join(' '));
}

function firstLines(message: string): string {
  return message.replace(/\s+/g, ' ').trim().slice(0, LONGEST) || 'no reason was given';
}
