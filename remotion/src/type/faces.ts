/** The vendored typefaces: which of them a text needs, and what none of them can draw. */
import coverage from './coverage.json';

export type Face =
  'display' | 'text' | 'hebrew' | 'arabic' | 'thai' | 'devanagari' | 'emoji' | 'dejavu' | 'droid';
type Covered = keyof typeof coverage;

/** In the order in which a character is looked for. */
const FALLBACKS = ['hebrew', 'arabic', 'thai', 'devanagari', 'emoji', 'dejavu', 'droid'] as const;
const RIGHT_TO_LEFT = new Set<Covered>(['hebrew', 'arabic']);
const REPLACEMENT = '\ufffd';
const LONGEST = 360;
const CLINGS = /^(?:\p{M}|\p{Emoji_Modifier}|\u200c|\u200d)$/u;
const UNDRAWABLE = /\ufe0e|\ufe0f|(?!\u200c|\u200d)[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}]/gu;
const ENDS = /^(?:\u200c|\u200d| )+|(?:\u200c|\u200d| )+$/gu;

/** Characters that one typeface draws. */
export interface Run {
  face: Covered;
  text: string;
}

/** The text on one line, composed, without control and direction characters; no picture has room for more. */
export function clean(text: string): string {
  const spaced = Array.from(text).slice(0, LONGEST).join('').replace(/\s/gu, ' ');
  const kept = spaced.replace(UNDRAWABLE, '').normalize('NFC');
  return kept.replace(/ +/g, ' ').replace(ENDS, '');
}

/** Clean text cut into runs; marks and joiners stay with what they follow, spaces in right-to-left text. */
export function runs(text: string): Run[] {
  const cut: Run[] = [];
  for (const char of text) {
    const last = cut.at(-1);
    if (last && (CLINGS.test(char) || (char === ' ' && RIGHT_TO_LEFT.has(last.face)))) {
      last.text += char;
      continue;
    }
    const face = faceOf(char);
    const drawn = face ? char : REPLACEMENT;
    const kind = face ?? 'dejavu';
    if (last?.face === kind) last.text += drawn;
    else cut.push({face: kind, text: drawn});
  }
  return cut;
}

/** Clean text in which everything can be drawn. */
export function drawable(text: string): string {
  return runs(clean(text))
    .map((run) => run.text)
    .join('');
}

/** The typefaces that texts need. */
export function facesFor(texts: readonly string[]): Face[] {
  const found = new Set<Face>(['display', 'text']);
  for (const run of runs(clean(texts.join(' ')))) if (run.face !== 'inter') found.add(run.face);
  return [...found];
}

/** The direction of the first letter that has one. */
export function directionOf(text: string): 'ltr' | 'rtl' {
  const letter = /\p{L}/u.exec(text)?.[0] ?? '';
  return /[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}]/u.test(letter)
    ? 'rtl'
    : 'ltr';
}

/** The first typeface that has the character. */
function faceOf(char: string): Covered | undefined {
  const code = char.codePointAt(0) ?? 0;
  if (char === '\u2026' || has('inter', code)) return 'inter';
  return FALLBACKS.find((face) => has(face, code));
}

const ranges = new Map<Covered, number[]>();

/** Whether a typeface has a character; its ranges are unpacked at the first question. */
function has(face: Covered, code: number): boolean {
  let edges = ranges.get(face);
  if (!edges) {
    edges = unpacked(coverage[face]);
    ranges.set(face, edges);
  }
  let low = 0;
  let high = edges.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((edges[middle] ?? 0) <= code) low = middle + 1;
    else high = middle;
  }
  return low % 2 === 1;
}

/** Where ranges begin and end, by turns. */
function unpacked(steps: string): number[] {
  let at = 0;
  return steps.split(' ').map((step) => (at += parseInt(step, 36)));
}
