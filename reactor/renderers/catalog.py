"""All renderers by the name that a job's `renderer` column says: ours, and those of plug-ins."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import TYPE_CHECKING

from reactor.errors import BadConfiguration
from reactor.renderers.dry_run import DryRun

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from reactor.renderers.base import Renderer
    from reactor.renderers.server import RenderServer
    from reactor.settings import Settings

GROUP = "reactor.renderers"


def build(settings: Settings, server: RenderServer) -> dict[str, Renderer]:
    """Every renderer there is; BadConfiguration names a plug-in that does not work."""
    renderers: dict[str, Renderer] = {"server": server, "dry_run": DryRun()}
    for plug_in in entry_points(group=GROUP):
        if plug_in.name in renderers:
            raise BadConfiguration(
                f"renderer plug-in {described(plug_in)}: the name is taken; give it another"
            )
        renderers[plug_in.name] = load(plug_in, settings)
    return renderers


def load(plug_in: EntryPoint, settings: Settings) -> Renderer:
    """Import and build one; whatever it raises is its fault, and said as such."""
    try:
        renderer: Renderer = plug_in.load()(settings)
    except Exception as wrong:
        raise BadConfiguration(
            f"renderer plug-in {described(plug_in)} cannot be used: {type(wrong).__name__}: {wrong};"
            " repair or uninstall it"
        ) from wrong
    missing = [name for name in ("draws", "slots", "render") if not hasattr(renderer, name)]
    if missing:
        raise BadConfiguration(
            f"renderer plug-in {described(plug_in)} is no renderer: it lacks {', '.join(missing)}"
        )
    return renderer


def described(plug_in: EntryPoint) -> str:
    """The plug-in's name and where it comes from."""
    package = plug_in.dist.name if plug_in.dist else plug_in.value
    return f"'{plug_in.name}' ({package})"
