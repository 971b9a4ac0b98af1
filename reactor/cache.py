"""The render cache: a job that would draw what a finished one has drawn takes over its file.

The key is made of everything the picture depends on: template, renderer and its version, size, kind of
file, props, and the content of every file that the props name. The file goes through verification and
publication like any other, under a name of its own.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anyio import to_thread

from reactor.media.material import find_file
from reactor.storage.inside import find_inside
from reactor.storage.local import sha256_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from reactor.db.cache import Equal
    from reactor.models import RenderSpec

FILES_REMEMBERED = 1000
AT_REST_NS = 2_000_000_000
"""File systems' clocks tick: what was changed just now may be changed again with the same times."""


@dataclass(frozen=True)
class Key:
    """What an attempt draws, and the files it depends on as they were when the key was made."""

    text: str
    inputs: Mapping[Path, tuple[int, ...]]

    async def still_true(self) -> bool:
        """Whether no input has been changed since."""
        return await to_thread.run_sync(self._unchanged)

    def _unchanged(self) -> bool:
        return all(fingerprint(path) == before for path, before in self.inputs.items())


async def key_of(spec: RenderSpec, identity: str, directories: Sequence[Path]) -> Key | None:
    """The key of an order for that renderer; None when an input cannot be read."""
    return await to_thread.run_sync(make_key, spec, identity, directories)


def make_key(spec: RenderSpec, identity: str, directories: Sequence[Path]) -> Key | None:
    """Read every input there is, and put it all into one hash."""
    inputs: dict[Path, tuple[int, ...]] = {}
    contents = {}
    try:
        for text in sorted(set(texts(spec.props))):
            path = find_file(text, directories)
            if isinstance(path, Path):
                inputs[path] = fingerprint(path)
                contents[text] = content_of(path, inputs[path])
        whole = json.dumps(
            [
                identity,
                spec.template,
                spec.format,
                spec.quality,
                spec.container,
                spec.props,
                contents,
            ],
            sort_keys=True,
            allow_nan=False,
        )
    except (OSError, ValueError, RecursionError):
        # The renderer will say what is wrong with it.
        return None
    return Key(hashlib.sha256(whole.encode("utf-8", "surrogatepass")).hexdigest(), inputs)


def texts(value: Any) -> Iterator[str]:
    """Every text in a JSON value: any of them may name a file."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from texts(part)
    elif isinstance(value, list):
        for part in value:
            yield from texts(part)


def fingerprint(path: Path) -> tuple[int, ...]:
    """What changes with a file's content, without reading it; empty when it is gone."""
    try:
        found = path.stat()
    except OSError:
        return ()
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def content_of(path: Path, seen: tuple[int, ...]) -> str:
    """The hash of a file, read once as long as it stays what it is; one at rest, that is."""
    if not seen or abs(time.time_ns() - seen[-1]) < AT_REST_NS:
        return sha256_of(path)
    return remembered(path, seen)


@lru_cache(maxsize=FILES_REMEMBERED)
def remembered(path: Path, _fingerprint: tuple[int, ...]) -> str:
    """The hash of a file that looks like this."""
    return sha256_of(path)


async def is_there(found: Equal, *directories: Path) -> bool:
    """Whether that job's file is still what it was."""
    return await to_thread.run_sync(is_whole, found, directories)


def is_whole(found: Equal, directories: Sequence[Path]) -> bool:
    """Whether the file lies in the library or the archive, no link on the way, and has its size."""
    files = (find_inside(Path(found.output_path), directory) for directory in directories)
    return any(file is not None and file.st_size == found.size_bytes for file in files)


async def take_over(found: Equal, target: Path) -> bool:
    """Put the other job's file where a renderer would have put its own; False when it is gone."""
    return await to_thread.run_sync(link_or_copy, Path(found.output_path), target)


def link_or_copy(source: Path, target: Path) -> bool:
    """A second name for the file where the file system can, else a copy; complete when it appears."""
    part = target.with_name(f"{target.name}.part")
    try:
        part.unlink(missing_ok=True)
        try:
            os.link(source, part, follow_symlinks=False)
        except OSError:
            shutil.copyfile(source, part)
        part.rename(target)
    except OSError:
        part.unlink(missing_ok=True)
        return False
    return True
