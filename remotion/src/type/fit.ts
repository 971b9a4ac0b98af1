/**
 * Text fitted into a box: wrapped by the browser, which knows every script's rules, shrunk, and at the
 * smallest size cut with an ellipsis. What comes out are lines, so that each can move by itself.
 */
import {directionOf, drawable, runs} from './faces';
import {family} from './Fonts';
import {styleOf, type Weight} from './Runs';

export interface Wanted {
  width: number;
  height: number;
  weight: Weight;
  largest: number;
  smallest: number;
  maxLines: number;
  leading?: number;
}

/** Lines of text that fit where they were meant to go. */
export interface Block {
  lines: string[];
  size: number;
  leading: number;
  weight: Weight;
  direction: 'ltr' | 'rtl';
  /** Pixels from one line to the next, and of all of them. */
  lineHeight: number;
  height: number;
}

const SHRINK = 0.94;
const BROKEN_BELOW = 1.5;
const FAR_LEADING = 1.34;
const ELLIPSIS = '\u2026';
const known = new Map<string, Block>();

/** The largest block of the text that fits the box. Ask only once the typefaces are loaded. */
export function fit(text: string, wanted: Wanted): Block {
  const key = JSON.stringify([text, wanted]);
  let block = known.get(key);
  if (!block) {
    block = fitted(drawable(text), wanted);
    known.set(key, block);
  }
  return block;
}

function fitted(text: string, wanted: Wanted): Block {
  const {weight, maxLines, height, smallest} = wanted;
  const leading = Math.max(wanted.leading ?? 1.12, reachesFar(text) ? FAR_LEADING : 0);
  const blockOf = (lines: string[], size: number): Block => {
    const lineHeight = Math.round(size * leading);
    const direction = directionOf(text);
    return {lines, size, leading, weight, direction, lineHeight, height: lineHeight * lines.length};
  };
  if (!text) return blockOf([], smallest);
  const ruler = new Ruler(text, weight, wanted.width);
  try {
    const rowsAt = (size: number) => Math.min(maxLines, Math.max(1, Math.floor(height / (size * leading))));
    // A word is broken only when no size is small enough for it, and then not at a large one.
    for (const broken of [false, true]) {
      const largest = broken ? smallest * BROKEN_BELOW : wanted.largest;
      for (let size = Math.max(largest, smallest); size >= smallest; size *= SHRINK) {
        const whole = Math.floor(size);
        const found = ruler.lay(whole, broken);
        if (found.rows <= rowsAt(size) && (broken || !found.breaksWords)) {
          return blockOf(ruler.lines(), whole);
        }
      }
    }
    const size = Math.floor(smallest);
    ruler.lay(size, true);
    return blockOf(ruler.shortened(ruler.lines(), rowsAt(size)), size);
  } finally {
    ruler.remove();
  }
}

/** Whether its script has marks far above and below the line, which would touch what stands there. */
function reachesFar(text: string): boolean {
  return /[\p{Script=Arabic}\p{Script=Thai}\p{Script=Devanagari}]/u.test(text);
}

/** An invisible box that text is laid out in. */
class Ruler {
  private readonly box = document.createElement('div');
  private lineHeight = 1;

  constructor(
    private readonly text: string,
    private readonly weight: Weight,
    private readonly width: number,
  ) {
    Object.assign(this.box.style, {
      position: 'absolute',
      left: '0',
      top: '0',
      visibility: 'hidden',
      width: `${width}px`,
    });
    this.box.dir = directionOf(text);
    // Japanese has no spaces: the browser knows where its phrases end.
    if (/[\p{Script=Hiragana}\p{Script=Katakana}]/u.test(text)) this.box.lang = 'ja';
    this.box.style.fontFamily = family(weight === 'bold' ? 'display' : 'text');
    document.body.append(this.box);
    this.fill(text);
  }

  remove(): void {
    this.box.remove();
  }

  private fill(text: string): void {
    const spans = runs(text).map((run) => {
      const span = document.createElement('span');
      Object.assign(span.style, styleOf(run, this.weight));
      span.textContent = run.text;
      return span;
    });
    this.box.replaceChildren(...spans);
  }

  /** How many lines the text takes at a size, and whether a word is wider than a line. */
  lay(size: number, broken: boolean): {rows: number; breaksWords: boolean} {
    this.lineHeight = Math.ceil(size * 2);
    const style = this.box.style;
    style.fontSize = `${size}px`;
    style.lineHeight = `${this.lineHeight}px`;
    style.whiteSpace = 'normal';
    style.setProperty('word-break', this.box.lang ? 'auto-phrase' : 'normal');
    // Where words may be broken, balancing breaks them for evenness' sake, too.
    style.setProperty('text-wrap-style', broken ? 'auto' : 'balance');
    style.overflowWrap = broken ? 'anywhere' : 'normal';
    const breaksWords = !broken && this.breaksWords();
    return {rows: Math.round(this.box.offsetHeight / this.lineHeight), breaksWords};
  }

  /** Whether a word does not fit into a line: it juts out, or was broken where words have no spaces between them. */
  private breaksWords(): boolean {
    if (!this.box.lang) return this.box.scrollWidth > this.width + 1;
    const words = new Intl.Segmenter(this.box.lang, {granularity: 'word'}).segment(this.text);
    const beginnings = new Set([...words].map(({index}) => index));
    let at = 0;
    return this.lines().some((line) => {
      const begins = this.text.indexOf(line, at);
      at = begins + line.length;
      return !beginnings.has(begins);
    });
  }

  /** The lines as they were broken. */
  lines(): string[] {
    const top = this.box.getBoundingClientRect().top;
    const scale = this.box.getBoundingClientRect().width / this.width || 1;
    const found: string[] = [];
    const range = document.createRange();
    const walker = document.createTreeWalker(this.box, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      const content = node.nodeValue ?? '';
      for (const {segment, index} of new Intl.Segmenter().segment(content)) {
        range.setStart(node, index);
        range.setEnd(node, index + segment.length);
        const rect = range.getBoundingClientRect();
        const middle = (rect.top + rect.bottom) / 2 - top;
        // A space that a line ends with has no width and belongs to the line before.
        const row = rect.height ? Math.floor(middle / scale / this.lineHeight) : found.length - 1;
        while (found.length <= row) found.push('');
        const at = Math.max(0, row);
        found[at] = (found[at] ?? '') + segment;
      }
    }
    return found.map((line) => line.trim()).filter(Boolean);
  }

  /** So many lines; the last ends in an ellipsis when there were more. */
  shortened(lines: string[], rows: number): string[] {
    if (lines.length <= rows) return lines;
    const last = [...new Intl.Segmenter().segment(lines.slice(rows - 1).join(' '))];
    const cutAt = (count: number) =>
      last
        .slice(0, count)
        .map(({segment}) => segment)
        .join('')
        .trimEnd() + ELLIPSIS;
    let low = 0;
    let high = Math.min(last.length, 160);
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.widthOf(cutAt(middle)) <= this.width) low = middle;
      else high = middle - 1;
    }
    return [...lines.slice(0, rows - 1), cutAt(low)];
  }

  private widthOf(line: string): number {
    this.fill(line);
    Object.assign(this.box.style, {whiteSpace: 'pre', width: 'max-content'});
    const width = this.box.offsetWidth;
    this.box.style.width = `${this.width}px`;
    return width;
  }
}
