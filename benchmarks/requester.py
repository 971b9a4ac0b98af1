"""Somebody who asks the reactor for one address again and again: a process of its own, as clients are.

`python -m benchmarks.requester URL PAUSE_S` asks until standard input ends, then prints when each
request was sent and when its answer was read, as JSON; the clock is `perf_counter`.
"""

from __future__ import annotations

import http.client
import json
import sys
from threading import Event, Thread
from time import perf_counter
from urllib.parse import urlsplit


def main(url: str, pause_s: float) -> None:
    """Ask, and say when."""
    ended = Event()
    Thread(target=wait_for_end, args=(ended,), daemon=True).start()
    where = urlsplit(url)
    connection = http.client.HTTPConnection(where.netloc)
    times = []
    while not ended.wait(pause_s):
        sent = perf_counter()
        connection.request("GET", where.path)
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            sys.exit(f"{url} answered {answer.status}")
        times.append((sent, perf_counter()))
    print(json.dumps(times))


def wait_for_end(ended: Event) -> None:
    """Tell when standard input has ended."""
    sys.stdin.read()
    ended.set()


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
