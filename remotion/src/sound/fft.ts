/** The strengths of a sound's pitches: a Fourier transform in place, of a size that is a power of two. */

/** Transforms; `re` and `im` hold the result. */
export function transform(re: Float32Array, im: Float32Array): void {
  const size = re.length;
  reorder(re, im);
  for (let half = 1; half < size; half *= 2) {
    const step = -Math.PI / half;
    for (let k = 0; k < half; k++) {
      const wr = Math.cos(step * k);
      const wi = Math.sin(step * k);
      for (let i = k; i < size; i += half * 2) {
        const j = i + half;
        const r = re[j] ?? 0;
        const m = im[j] ?? 0;
        const tr = r * wr - m * wi;
        const ti = r * wi + m * wr;
        re[j] = (re[i] ?? 0) - tr;
        im[j] = (im[i] ?? 0) - ti;
        re[i] = (re[i] ?? 0) + tr;
        im[i] = (im[i] ?? 0) + ti;
      }
    }
  }
}

/** Swaps each place with the one whose binary digits read backwards. */
function reorder(re: Float32Array, im: Float32Array): void {
  const size = re.length;
  for (let i = 1, j = 0; i < size; i++) {
    let bit = size >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i >= j) continue;
    const r = re[i] ?? 0;
    const m = im[i] ?? 0;
    re[i] = re[j] ?? 0;
    im[i] = im[j] ?? 0;
    re[j] = r;
    im[j] = m;
  }
}
