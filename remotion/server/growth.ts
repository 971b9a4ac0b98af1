/** Whether what runs for a worker holds more memory than it used to: a leak is ended by ending the process. */

/** Renders until a worker's memory is what it always is. */
const SETTLED = 3;
const FACTOR = 1.5;
const MEGABYTES = 300;

export class Growth {
  private normal: number | null = null;

  /** Take note of the megabytes after so many renders; whether they are half as much again, and 300 more. */
  note(renders: number, megabytes: number): boolean {
    if (renders < SETTLED) return false;
    this.normal ??= megabytes;
    return megabytes > this.normal * FACTOR && megabytes > this.normal + MEGABYTES;
  }
}
