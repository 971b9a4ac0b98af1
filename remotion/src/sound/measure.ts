/** How long a sound or a film is, asked of the browser; the render server mostly knows already. */
export function lengthOfFile(address: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const element = document.createElement('video');
    element.preload = 'metadata';
    element.onloadedmetadata = () => {
      resolve(element.duration);
    };
    element.onerror = () => {
      reject(new Error(`${address} cannot be played: ${element.error?.message ?? 'no reason given'}`));
    };
    element.src = address;
  });
}
