/** The last lines of what a process says, however much there is. */

const LINES = 100;
const LINE = 2_000;
const LENGTH = 8_000;

export class Tail {
  private lines: string[] = [];
  private rest = '';

  add(chunk: Buffer): void {
    const parts = (this.rest + chunk.toString('utf8')).split('\n');
    this.rest = (parts.pop() ?? '').slice(-LINE);
    this.lines = [...this.lines, ...parts.map((line) => line.slice(0, LINE))].slice(-LINES);
  }

  /** Everything from now on belongs to another render. */
  clear(): void {
    this.lines = [];
    this.rest = '';
  }

  get text(): string | null {
    return [...this.lines, this.rest].join('\n').trim().slice(-LENGTH) || null;
  }

  lastLines(count: number): string {
    const said = [...this.lines, this.rest].map((line) => line.trim()).filter(Boolean);
    return said
      .slice(-count)
      .join(' | ')
      .slice(-LINE / 4);
  }
}
