"""What Remotion needs: Node, its npm packages, a browser. Only notes where another renderer draws."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reactor.doctor.finding import amiss, well
from reactor.renderers import remotion
from reactor.renderers.process import runs_here

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reactor.doctor.finding import Finding
    from reactor.settings import Settings


def look(settings: Settings) -> Iterator[Finding]:
    """Each of the three, in the order in which one would mend them."""
    needed = settings.renderer == "remotion" and runs_here(settings)
    if problem := remotion.no_project():
        mend = "git clone the repository"
        yield amiss("Remotion", problem, mend if needed else "", needed=needed)
        return
    yield node(needed=needed)
    yield packages(needed=needed)
    yield browser(settings, needed=needed)


def node(*, needed: bool) -> Finding:
    """The Node on PATH."""
    if problem := remotion.node_problem():
        return amiss("node", for_remotion(problem, needed), remotion.GET_NODE, needed=needed)
    return well("node", remotion.node_version())


def packages(*, needed: bool) -> Finding:
    """What npm installs."""
    if remotion.has_packages():
        return well("npm packages", f"installed in {remotion.PROJECT / 'node_modules'}")
    said = for_remotion("are not installed", needed)
    return amiss("npm packages", said, remotion.INSTALL, needed=needed)


def browser(settings: Settings, *, needed: bool) -> Finding:
    """What draws the frames."""
    if found := remotion.find_browser(settings):
        return well("browser", str(found))
    said = remotion.unusable(settings.browser).partition("; ")[0] or "none is on PATH"
    mend = remotion.GET_BROWSER
    return amiss("browser", for_remotion(said, needed), mend, needed=needed)


def for_remotion(said: str, needed: bool) -> str:  # noqa: FBT001 - read as a word behind the sentence
    """Where another renderer draws it is said whom it would be for."""
    return said if needed else f"{said}; only Remotion needs it"
