"""Publish videos into a folder: `python examples/publisher.py DSN FOLDER [PLATFORM]`.

The folder stands for a platform: in place of `upload` goes whatever yours wants. What holds for any:
take; keep the claim while it lasts; let a second try find what the first has done; say what came of it;
give back what was not tried when asked to stop.
"""

import json
import signal
import socket
import sys
import threading
import time
from pathlib import Path

import psycopg

from reactor import SyncFarm
from reactor.db.publish_queue import Taken
from reactor.errors import Refused

LEASE_S = 60.0
LOOK_S = 30.0
"""What becomes due again after a pause is announced by nobody, so look now and then."""
CHUNK_BYTES = 1024 * 1024

stopping = threading.Event()


class Stopped(Exception):
    """Asked to stop in the middle of an upload."""


def main(dsn: str, folder: str, platform: str | None = None) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    me = f"publisher.py on {socket.gethostname()}"
    # First LISTEN, then look: what becomes ready in between is not missed.
    with psycopg.connect(dsn, autocommit=True) as ears, SyncFarm(dsn) as farm:
        ears.execute("LISTEN reactor_publish")
        print("listening", flush=True)
        while not stopping.is_set():
            taken = farm.take_publications(me, platform=platform, lease_s=LEASE_S)
            for one in taken:
                publish(farm, one, Path(folder))
            if not taken:
                wait(ears)


def wait(ears: psycopg.Connection) -> None:
    """Until there is something to publish, or it is time to look, or to stop."""
    until = time.monotonic() + LOOK_S
    while not stopping.is_set() and time.monotonic() < until:
        if list(ears.notifies(timeout=0.5, stop_after=1)):
            return


def publish(farm: SyncFarm, one: Taken, folder: Path) -> None:
    """Upload it and say what came of it."""
    try:
        url = upload(farm, one, folder)
        print(farm.mark_published(one, url), flush=True)
    except Stopped:
        print(farm.release_publication(one), flush=True)
    except Refused as lost:  # somebody else has it by now: nothing to say of it any more
        print(lost, flush=True)
    except OSError as wrong:
        print(farm.mark_publish_failed(one, str(wrong)), flush=True)


def upload(farm: SyncFarm, one: Taken, folder: Path) -> str:
    """Copy the file, under a name by which the next try knows it."""
    source = Path(one.payload["file"])
    target = folder / f"{one.publish_id}{source.suffix}"
    if not target.exists():  # else an earlier try was killed before it could say so
        part = target.with_name(f".{one.token}.part")
        try:
            copy(farm, one, source, part)
            target.with_suffix(".json").write_text(json.dumps(one.payload, indent=2), "utf-8")
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
    return target.absolute().as_uri()


def copy(farm: SyncFarm, one: Taken, source: Path, target: Path) -> None:
    """Copy, and keep the claim meanwhile; Refused when it is over all the same."""
    renew_at = time.monotonic() + LEASE_S / 3
    with source.open("rb") as reader, target.open("wb") as writer:
        while data := reader.read(CHUNK_BYTES):
            writer.write(data)
            if stopping.is_set():
                raise Stopped
            if time.monotonic() > renew_at:
                farm.renew_publication(one, lease_s=LEASE_S)
                renew_at = time.monotonic() + LEASE_S / 3


if __name__ == "__main__":
    main(*sys.argv[1:])
