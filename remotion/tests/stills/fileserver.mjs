/** Serves a folder to the browser, with the parts of files that it asks for. */
import {readFileSync} from 'node:fs';
import {createServer} from 'node:http';
import {basename, join} from 'node:path';

/** The address of the folder, and what ends it. */
export async function serve(folder) {
  const server = createServer((request, response) => {
    const whole = readFileSync(join(folder, basename(request.url)));
    const asked = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
    const from = asked ? Number(asked[1]) : 0;
    const to = asked?.[2] ? Math.min(Number(asked[2]), whole.length - 1) : whole.length - 1;
    response.writeHead(asked ? 206 : 200, {
      'Access-Control-Allow-Origin': '*',
      'Accept-Ranges': 'bytes',
      'Content-Length': to - from + 1,
      ...(asked ? {'Content-Range': `bytes ${from}-${to}/${whole.length}`} : {}),
    });
    response.end(whole.subarray(from, to + 1));
  });
  await new Promise((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    address: (name) => `http://127.0.0.1:${server.address().port}/${name}`,
    close: () => server.close(),
  };
}
