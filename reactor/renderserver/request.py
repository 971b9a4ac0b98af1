"""What a POST /render may ask for, checked as far as that needs no decoding.

Files are looked into later, by the process that renders them.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from reactor.errors import bad_input
from reactor.models import Container, Format, Quality, dimensions, member
from reactor.renderserver.props import MODELS, EdlCutProps, Props, SlideshowProps, checked

ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class Order(BaseModel):
    """A render as it is handed to the process that draws it."""

    model_config = ConfigDict(frozen=True)

    id: str
    template: str
    format: Format
    quality: Quality
    container: Container
    props: dict[str, Any]
    output_path: str

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return dimensions(self.format, self.quality)

    @property
    def part(self) -> Path:
        """The file while it is being written."""
        return Path(self.output_path + ".part")


@dataclass(frozen=True)
class Places:
    """The only directories a render may write to and read from."""

    renders: Path
    assets: tuple[Path, ...]


def order(body: Any, places: Places) -> Order:
    """A checked order; RenderFailed(input) names the first field that is wrong."""
    if not isinstance(body, dict):
        raise bad_input("body", "is not a JSON object", allowed="an object with id, template, …")
    template = name(body, "template", MODELS)
    shape = member(Format, "format", text(body, "format", Format.FULL_16_9))
    container = container_for(shape, text(body, "container", Container.MP4))
    given = {**mapping(body, "props"), **assets(body)}
    props = with_places(checked(template, given), places)
    return Order(
        id=render_id(body),
        template=template,
        format=shape,
        quality=member(Quality, "quality", text(body, "quality", Quality.P720)),
        container=container,
        props=props.model_dump(),
        output_path=output_path(text(body, "output_path", ""), container, places.renders),
    )


def text(body: dict[str, Any], field: str, default: str) -> str:
    """A text field, or its default when it is absent or null."""
    value = body.get(field)
    if value is None:
        return default
    if not isinstance(value, str):
        raise bad_input(field, f"is {type(value).__name__}", allowed="text")
    return value


def name(body: dict[str, Any], field: str, known: dict[str, Any]) -> str:
    """One of the known names."""
    value = text(body, field, "")
    if value not in known:
        problem = f"'{value[:60]}' is unknown" if value else "is missing"
        raise bad_input(field, problem, allowed=", ".join(sorted(known)))
    return value


def render_id(body: dict[str, Any]) -> str:
    """The caller's name for the render."""
    value = text(body, "id", "")
    if not ID.fullmatch(value):
        problem = f"'{value[:60]}' cannot be used" if value else "is missing"
        raise bad_input(
            "id", problem, allowed="1 to 100 letters, digits, dots, dashes, underscores"
        )
    return value


def container_for(shape: Format, value: str) -> Container:
    """The container; a thumbnail is a jpg whatever was said, and only it is."""
    container = member(Container, "container", value)
    if shape is Format.THUMBNAIL:
        return Container.JPG
    if container is Container.JPG:
        raise bad_input("container", "'jpg' is for format thumbnail", allowed="mp4, webm, gif")
    return container


def mapping(body: dict[str, Any], field: str) -> dict[str, Any]:
    """An object, empty when absent or null."""
    value = body.get(field)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise bad_input(field, f"is {type(value).__name__}", allowed="a JSON object")
    return value


def assets(body: dict[str, Any]) -> dict[str, Any]:
    """Named paths, merged into the props under their names."""
    found = mapping(body, "assets")
    for key, value in found.items():
        paths = value if isinstance(value, list) else [value]
        if not all(isinstance(path, str) for path in paths):
            raise bad_input(f"assets.{key[:60]}", "is not a path", allowed="text")
    return found


def with_places(props: Props, places: Places) -> Props:
    """The props with every path resolved, inside the allowed directories and existing."""
    resolved: dict[str, Any] = {}
    if isinstance(props, SlideshowProps):
        resolved["images"] = [
            asset(f"props.images[{index}]", path, places.assets)
            for index, path in enumerate(props.images)
        ]
    if isinstance(props, EdlCutProps):
        resolved["clips"] = [
            clip.model_copy(
                update={"source": asset(f"props.clips[{index}].source", clip.source, places.assets)}
            )
            for index, clip in enumerate(props.clips)
        ]
    audio = getattr(props, "audio", None)
    if audio is not None:
        resolved["audio"] = asset("props.audio", audio, places.assets)
    return props.model_copy(update=resolved)


def asset(field: str, value: str, allowed: tuple[Path, ...]) -> str:
    """The real path of a file to read; a relative one is looked for in the first directory."""
    if not value:
        raise bad_input(field, "is empty", allowed="the path of a file")
    if not value.isprintable():
        raise bad_input(field, "has control characters", allowed="the path of a file")
    path = resolved(field, str(allowed[0] / value))
    roots = [root.resolve() for root in allowed]
    if not any(path.is_relative_to(root) for root in roots):
        names = ", ".join(str(root) for root in allowed)
        raise bad_input(field, f"'{value}' is outside the directories for assets", allowed=names)
    if not path.is_file():
        problem = "is not a file" if path.exists() else "does not exist"
        raise bad_input(field, f"'{value}' {problem}", allowed="the path of a file")
    if not os.access(path, os.R_OK):
        raise bad_input(field, f"'{value}' cannot be read by the renderer")
    return str(path)


def output_path(value: str, container: Container, renders: Path) -> str:
    """The real path of the file to write, below the render directory."""
    field = "output_path"
    if not value:
        raise bad_input(field, "is missing", allowed=f"a path below {renders}")
    given = renders / value
    if not value:
        raise bad_input(field, "is empty", allowed="the path of a file")
    if not value.isprintable():
        raise bad_input(field, "has control characters", allowed=f"a path below {renders}")
    if given.suffix != f".{container}":
        raise bad_input(field, f"'{value}' has another ending", allowed=f".{container}")
    path = resolved(field, str(given.parent)) / given.name
    if not path.is_relative_to(renders.resolve()) or given.name in ("", ".", ".."):
        raise bad_input(field, f"'{value}' is outside the render directory", allowed=str(renders))
    if not path.parent.is_dir():
        raise bad_input(field, f"the directory of '{value}' does not exist")
    if os.path.lexists(path):
        raise bad_input(field, f"'{value}' exists already", allowed="a name that is not taken")
    return str(path)


def resolved(field: str, value: str) -> Path:
    """The path with every link followed; RenderFailed(input) when it cannot be a path."""
    try:
        return Path(value).resolve()
    except (OSError, ValueError, RuntimeError):
        raise bad_input(field, "cannot be a path", allowed="the path of a file") from None
