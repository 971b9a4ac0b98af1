/** The server's side of a worker: start it, give it work, hear it, end it and all that it started. */
import {fork, type ChildProcess} from 'node:child_process';
import fs from 'node:fs';
import {RenderFailed} from './failure';
import {below} from './processes';
import {Tail} from './tail';
import {interrupted, limited} from './waiting';
import type {Equipment, FromWorker, Task, ToWorker} from './messages';

const CANCEL_MS = 2_000;
/** What a worker sees of our environment: nothing that could hold a secret. */
const KEPT = ['PATH', 'HOME', 'LANG', 'LC_ALL', 'LD_LIBRARY_PATH', 'DYLD_LIBRARY_PATH', 'XDG_RUNTIME_DIR'];

const REMEDY = 'bin/reactor doctor says what is missing, and REACTOR_BROWSER sets another browser';

export type Heard = Exclude<FromWorker, {tell: 'ready'}>;

export class Hand {
  readonly tail = new Tail();
  browser = '';
  /** Renders it was given. */
  drawn = 0;
  /** Must not draw again: its browser crashed, its memory grew, or it did not stop when told to. */
  worn = false;
  private readonly idle = (heard: Heard): void => {
    this.worn ||= heard.tell === 'failed' && heard.worn;
  };
  private hear: (heard: Heard) => void = this.idle;
  /** Its browser is open; RenderFailed when that does not come to be. */
  readonly ready: Promise<void>;
  readonly gone: Promise<string>;
  private ended = false;

  private constructor(
    private readonly child: ChildProcess,
    private readonly home: string,
    equipment: Equipment,
  ) {
    child.stderr?.on('data', (chunk: Buffer) => {
      this.tail.add(chunk);
      process.stderr.write(chunk);
    });
    this.gone = new Promise((resolve) => {
      child.once('error', (wrong) => {
        resolve(`cannot be started (${wrong.message})`);
      });
      child.once('close', (code, signal) => {
        resolve(`ended with ${signal ?? `exit code ${code ?? '?'}`}`);
      });
    });
    this.ready = this.whenReady(equipment);
    void this.gone.then(() => {
      this.ended = true;
    });
  }

  /** Start a worker that opens its browser and waits. */
  static start(program: string, equipment: Equipment, home: string): Hand {
    fs.mkdirSync(home, {recursive: true, mode: 0o700});
    const env = Object.fromEntries(
      KEPT.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])),
    );
    const child = fork(program, [JSON.stringify(equipment)], {
      env: {...env, TMPDIR: home, NODE_ENV: 'production'},
      cwd: home,
      detached: true,
      execArgv: [],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    return new Hand(child, home, equipment);
  }

  get alive(): boolean {
    return !this.ended && this.child.connected;
  }

  get pid(): number | undefined {
    return this.child.pid;
  }

  private whenReady({executable, opening_s}: Equipment): Promise<void> {
    const unusable = (how: string): RenderFailed =>
      new RenderFailed('infrastructure', `${executable ?? "Remotion's own browser"} ${how}; ${REMEDY}`);
    const opened = new Promise<void>((resolve) => {
      this.child.on('message', (message: FromWorker) => {
        if (message.tell !== 'ready') {
          this.hear(message);
          return;
        }
        this.browser = message.browser;
        resolve();
      });
    });
    const failed = this.gone.then((how) => {
      throw unusable(`cannot be opened (the worker ${how})${this.words()}`);
    });
    failed.catch(() => undefined);
    const late = unusable(`was not open within ${opening_s} s`);
    return limited(Promise.race([opened, failed]), opening_s * 1000, late);
  }

  /** Draw; every progress is reported, and the file's name is returned. Aborting cancels, and returns when it is over. */
  async draw(
    task: Task,
    report: (rendered: number, encoded: number) => void,
    signal: AbortSignal,
  ): Promise<string> {
    this.drawn += 1;
    const end = new Promise<string>((resolve, reject) => {
      this.hear = (heard) => {
        if (heard.tell === 'progress') report(heard.rendered, heard.encoded);
        if (heard.tell === 'done') resolve(heard.file);
        if (heard.tell === 'failed') {
          this.worn ||= heard.worn && !signal.aborted;
          reject(new RenderFailed(heard.failure, heard.message, heard.frame));
        }
      };
      void this.gone.then((how) => {
        reject(new RenderFailed('crash', `the render process ${how}${this.words()}`));
      });
    });
    end.catch(() => undefined);
    this.send({do: 'draw', task});
    try {
      return await interrupted(end, signal);
    } finally {
      // Who stood still once is not asked again.
      this.worn ||= signal.reason instanceof RenderFailed;
      if (signal.aborted) await this.cancel(end);
      this.hear = this.idle;
    }
  }

  /** Tell it to stop, and make it when it does not; one that does is as good as before. */
  private async cancel(end: Promise<unknown>): Promise<void> {
    this.send({do: 'cancel'});
    const settled = end.then(
      () => undefined,
      () => undefined,
    );
    await limited(settled, CANCEL_MS, new Error('too late')).catch(() => this.kill());
  }

  /** End it, its browser and everything below at once; return when it is gone. */
  async kill(): Promise<void> {
    this.worn = true;
    const {pid} = this.child;
    if (pid && !this.ended) {
      // One that stands still cannot start a browser between our look and its end.
      send(pid, 'SIGSTOP');
      for (const one of [...below(pid), pid]) send(one, 'SIGKILL');
    }
    await this.gone;
    await fs.promises.rm(this.home, {recursive: true, force: true, maxRetries: 3}).catch(() => undefined);
  }

  private send(message: ToWorker): void {
    if (this.alive) this.child.send(message, () => undefined);
  }

  private words(): string {
    const last = this.tail.lastLines(3);
    return last ? `: ${last}` : '';
  }
}

function send(pid: number, signal: 'SIGSTOP' | 'SIGKILL'): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It was gone already.
  }
}
