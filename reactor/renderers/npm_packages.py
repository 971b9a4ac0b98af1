"""The npm packages of the Remotion project: whether those that lie there are those that are meant."""

from __future__ import annotations

import json
import platform
import sys
from typing import TYPE_CHECKING, Any

from reactor.renderers import remotion

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

LOCK = "package-lock.json"
COMPOSITOR = "node_modules/@remotion/compositor-"
"""Remotion's program for this kind of machine: an encoder, a reader of films."""
NOT_EVERYWHERE = ("dev", "optional", "devOptional", "peer")
MACHINES = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64"}


def problem() -> str:
    """What is wrong with them; empty when nothing is."""
    if not remotion.has_packages():
        return "are not installed"
    there = packages(remotion.PROJECT / "node_modules" / f".{LOCK}")
    for name, meant in packages(remotion.PROJECT / LOCK).items():
        found = there.get(name)
        if found is None and any(meant.get(word) for word in NOT_EVERYWHERE):
            continue
        if found is None or found.get("version") != meant.get("version"):
            version = found.get("version") if found else "missing"
            short = name.removeprefix("node_modules/")
            return f"are not those of {LOCK}: {short} is {version}, not {meant.get('version')}"
    if not any(name.startswith(COMPOSITOR + machine()) for name in there):
        return f"are those of another kind of machine: nothing is there for {machine()}"
    return ""


def packages(lock: Path) -> Mapping[str, Mapping[str, Any]]:
    """What a lock names, by place; nothing when it cannot be read."""
    try:
        named = json.loads(lock.read_bytes()).get("packages", {})
    except (OSError, ValueError, AttributeError):
        return {}
    return {name: found for name, found in named.items() if name}


def machine() -> str:
    """This machine as npm's packages call it."""
    kind = platform.machine().lower()
    return f"{sys.platform}-{MACHINES.get(kind, kind)}"
