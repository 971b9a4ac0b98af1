"""Where each setting comes from: the environment, `reactor.toml`, or its default; no secret is shown."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import SecretStr
from pydantic_settings import TomlConfigSettingsSource

from reactor.cli.unit import is_secret, setting
from reactor.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

HIDDEN = "***"


@dataclass(frozen=True)
class Origin:
    """One setting as it is now."""

    name: str
    value: str
    origin: str


def origins(settings: Settings) -> Iterator[Origin]:
    """Every setting, in the order in which they are declared."""
    given = {name.upper() for name, value in os.environ.items() if value}
    file: Mapping[str, Any] = TomlConfigSettingsSource(Settings)()
    for field in Settings.model_fields:
        name = setting(field)
        origin = "environment" if name in given else "reactor.toml" if field in file else "default"
        yield Origin(name, shown(name, getattr(settings, field)), origin)


def shown(name: str, value: object) -> str:
    """A value for people's eyes."""
    if value is None or value == ():
        return ""
    if isinstance(value, SecretStr) or is_secret(name, str(value)):
        return HIDDEN
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return str(value)
