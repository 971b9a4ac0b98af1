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

/** There is no room now; asking again later is right. */
export class TryAgain extends Error {}

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
const LONGEST = 400;

/** What a throw of Remotion's means: its first line says it, a stack is for the log. */
export function classified(wrong: unknown): RenderFailed {
  if (wrong instanceof RenderFailed) return wrong;
  const {message, frame} = said(wrong);
  const refusal = BAD_PROPS.exec(message);
  if (refusal?.[1]) return new RenderFailed('input', refusal[1].slice(0, LONGEST), frame);
  const kind = TELLING.find(([, tells]) => tells.test(message))?.[0] ?? 'crash';
  return new RenderFailed(kind, firstLines(message), frame);
}

function said(wrong: unknown): {message: string; frame: number | null} {
  if (!(wrong instanceof Error)) return {message: String(wrong), frame: null};
  const {code, frame} = wrong as {code?: unknown; frame?: unknown};
  const message =
    typeof code === 'string' && !wrong.message.includes(code) ? `${code}: ${wrong.message}` : wrong.message;
  return {message: message || wrong.name, frame: typeof frame === 'number' ? frame : null};
}

function firstLines(message: string): string {
  return message.replace(/\s+/g, ' ').trim().slice(0, LONGEST) || 'no reason was given';
}
