"""What Remotion needs: Node, its npm packages, a place to compile to, a browser.

Only notes where another renderer draws.
"""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from reactor.doctor.finding import amiss, well
from reactor.renderers import npm_packages, remotion
from reactor.renderers.process import runs_here

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from reactor.doctor.finding import Finding
    from reactor.settings import Settings


def look(settings: Settings) -> Iterator[Finding]:
    """Each of them, in the order in which one would mend them."""
    needed = settings.renderer == "remotion" and runs_here(settings)
    if problem := remotion.no_project():
        said = problem.partition("; ")[0]
        yield amiss("Remotion", said, remotion.CHECKOUT if needed else "", needed=needed)
        return
    yield node(needed=needed)
    yield packages(needed=needed)
    yield compiled(needed=needed)
    yield browser(settings, needed=needed)
    if finding := tabs(settings, needed=needed):
        yield finding


def node(*, needed: bool) -> Finding:
    """The Node on PATH."""
    if problem := remotion.node_problem():
        return amiss("node", for_remotion(problem, needed), remotion.mend_node(), needed=needed)
    return well("node", remotion.node_version())


def packages(*, needed: bool) -> Finding:
    """What npm installs."""
    if problem := npm_packages.problem():
        mend = remotion.INSTALL
        if not shutil.which("npm"):
            mend = f"{remotion.GET_NPM}; then {mend}"
        return amiss("npm packages", for_remotion(problem, needed), mend, needed=needed)
    return well("npm packages", f"installed in {remotion.PROJECT / 'node_modules'}")


def compiled(*, needed: bool) -> Finding:
    """Where the server is compiled to at its start: by who may write there; others use what is there."""
    place = remotion.PROJECT / "build"
    there = place if place.exists() else remotion.PROJECT
    if there.is_dir() and os.access(there, os.W_OK | os.X_OK):
        return well("compiled", f"at the start, into {place}")
    if is_newest(place / "server" / "main.mjs"):
        return well("compiled", f"in {place}, by its owner")
    problem = f"{place} is not ours to write to, and what is in it is older than its sources"
    mend = f"{remotion.INSTALL}, as its owner; or chown -R {os.geteuid()} {there}"
    return amiss("compiled", for_remotion(problem, needed), mend, needed=needed)


def is_newest(program: Path) -> bool:
    """Whether it is there, and none of its sources has been changed since."""
    try:
        made_at = program.stat().st_mtime
    except OSError:
        return False
    folders = (remotion.PROJECT / name for name in ("server", "src"))
    sources = (path for folder in folders for path in folder.rglob("*.ts"))
    return all(path.stat().st_mtime <= made_at for path in sources)


def browser(settings: Settings, *, needed: bool) -> Finding:
    """What draws the frames."""
    mend = remotion.GET_BROWSER
    found = remotion.find_browser(settings)
    if found is None:
        said = remotion.unusable(settings.browser).partition("; ")[0] or "none is on PATH"
        return amiss("browser", for_remotion(said, needed), mend, needed=needed)
    if problem := remotion.browser_problem(found):
        said = for_remotion(f"{found} {problem}", needed)
        return amiss("browser", said, mend, needed=needed)
    return well("browser", str(found))


def tabs(settings: Settings, *, needed: bool) -> Finding | None:
    """More tabs than processors are refused by the server."""
    wanted, most = settings.remotion_tabs, processors()
    if wanted is None or wanted <= most:
        return None
    said = for_remotion(f"{wanted}, on a machine with {most} processors", needed)
    return amiss("tabs", said, f"set REACTOR_REMOTION_TABS to at most {most}", needed=needed)


def processors() -> int:
    """Those that we may use, as Node counts them."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def for_remotion(said: str, needed: bool) -> str:  # noqa: FBT001 - read as a word behind the sentence
    """Where another renderer draws it is said whom it would be for."""
    return said if needed else f"{said}; only Remotion needs it"
