"""The catalogue: a template's name and props to a scene that can be drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reactor.renderserver.props import (
    AudioVisualizerProps,
    EdlCutProps,
    SlideshowProps,
    TitleCardProps,
    checked,
)
from reactor.renderserver.templates.audio_visualizer import AudioVisualizer
from reactor.renderserver.templates.edl_cut import EdlCut
from reactor.renderserver.templates.slideshow import Slideshow
from reactor.renderserver.templates.title_card import TitleCard

if TYPE_CHECKING:
    from reactor.renderserver.stage import Scene


def scene(template: str, given: dict[str, Any]) -> Scene:
    """The template filled in, its files looked at; RenderFailed(input) names what is wrong."""
    match checked(template, given):
        case SlideshowProps() as props:
            return Slideshow(props)
        case AudioVisualizerProps() as props:
            return AudioVisualizer(props)
        case EdlCutProps() as props:
            return EdlCut(props)
        case TitleCardProps() as props:
            return TitleCard(props)
    raise KeyError(template)
