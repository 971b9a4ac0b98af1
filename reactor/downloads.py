"""Material that lies elsewhere: props that are URLs become files before a renderer sees them.

A file is kept for an hour, so that the formats of one session bring it in once. Only the guarded way
out is used: private addresses are refused unless `REACTOR_EGRESS_ALLOW` names them.
"""

from __future__ import annotations

import errno
import hashlib
import re
import secrets
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from weakref import WeakValueDictionary

import anyio
from anyio import to_thread

from reactor.egress import EgressFailed, EgressRefused
from reactor.errors import FailureClass, RenderFailed, bad_input

if TYPE_CHECKING:
    from pathlib import Path

    from reactor.egress import Egress
    from reactor.models import RenderSpec
    from reactor.settings import Settings

MATERIAL = ("audio", "images", "source")
"""The props that name files, on any depth."""
DIRECTORY = "fetched"
FRESH_S = 3600.0
SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,8}$")
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
GONE_FOR_GOOD = frozenset({400, 401, 403, 404, 405, 410, 451})


class Downloads:
    """Brings material in, each URL once at a time; one per process."""

    def __init__(self, settings: Settings, egress: Egress) -> None:
        self._directory = settings.uploads_dir / DIRECTORY
        self._most_bytes = settings.download_mb * 2**20
        self._within_s = settings.render_timeout_s
        self._egress = egress
        self._locks: WeakValueDictionary[str, anyio.Lock] = WeakValueDictionary()

    async def bring_in(self, spec: RenderSpec) -> RenderSpec:
        """The order with files in place of URLs; RenderFailed names the prop that cannot be had."""
        if not any(names_url(prop, value) for prop, value in spec.props.items()):
            return spec
        props = {prop: await self._replace(prop, value, prop) for prop, value in spec.props.items()}
        return spec.model_copy(update={"props": props})

    async def _replace(self, prop: str, value: Any, place: str) -> Any:
        """The value with every URL in it replaced; `place` is how people write where that is."""
        if isinstance(value, dict):
            return {
                name: await self._replace(name, part, f"{place}.{name}")
                for name, part in value.items()
            }
        if isinstance(value, list):
            return [
                await self._replace(prop, part, f"{place}[{n}]") for n, part in enumerate(value)
            ]
        return str(await self._fetch(value, place)) if names_url(prop, value) else value

    async def _fetch(self, url: str, place: str) -> Path:
        """The file at that URL, from the last hour or brought in now."""
        path = self._directory / file_name(url)
        # Forgotten as soon as nobody holds it or waits for it.
        async with self._locks.setdefault(path.name, anyio.Lock()):
            if await to_thread.run_sync(is_fresh, path):
                return path
            try:
                await anyio.Path(self._directory).mkdir(parents=True, exist_ok=True)
                # Another reactor with the same directory may be at the same URL.
                own = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
                await self._egress.download(
                    url, own, most_bytes=self._most_bytes, within_s=self._within_s
                )
                await anyio.Path(own).replace(path)
            except (EgressRefused, EgressFailed, OSError) as wrong:
                raise explained(wrong, place) from None
            return path


def names_url(prop: str, value: Any) -> bool:
    """Whether a prop that names material holds a URL, itself or somewhere below."""
    if isinstance(value, dict):
        return any(names_url(name, part) for name, part in value.items())
    if isinstance(value, list):
        return any(names_url(prop, part) for part in value)
    is_text = prop in MATERIAL and isinstance(value, str)
    return is_text and value.lower().startswith(("http://", "https://"))


def file_name(url: str) -> str:
    """A name of our own for that URL, which keeps its ending."""
    ending = None
    with suppress(ValueError):
        ending = SUFFIX.search(urlsplit(url).path.rpartition("/")[2])
    digest = hashlib.sha256(url.encode("utf-8", "surrogatepass")).hexdigest()
    return digest[:32] + (ending[0].lower() if ending else "")


def is_fresh(path: Path) -> bool:
    """Whether it was brought in within the last hour."""
    try:
        return time.time() - path.stat().st_mtime < FRESH_S
    except OSError:
        return False


def explained(wrong: Exception, place: str) -> RenderFailed:
    """Whose fault it is: the job's, the disk's, or the network's, which may be over in a moment."""
    if isinstance(wrong, OSError):
        kind = FailureClass.RESOURCE if wrong.errno in FULL else FailureClass.INFRASTRUCTURE
        return RenderFailed(kind, f"{place} could not be saved: {wrong.strerror}")
    if isinstance(wrong, EgressRefused):
        return bad_input(place, str(wrong).removeprefix("url: "))
    if isinstance(wrong, EgressFailed) and wrong.status in GONE_FOR_GOOD:
        return bad_input(place, str(wrong))
    return RenderFailed(FailureClass.INFRASTRUCTURE, f"{place} could not be brought in: {wrong}")


def clear_old(uploads: Path, *, older_than_s: float) -> int:
    """Remove what was brought in long ago, and halves of it; how many files that were."""
    removed = 0
    with suppress(OSError):
        for path in (uploads / DIRECTORY).iterdir():
            with suppress(OSError):
                if path.is_file() and time.time() - path.stat().st_mtime > older_than_s:
                    path.unlink()
                    removed += 1
    return removed
