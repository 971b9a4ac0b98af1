"""Every setting, in one place: REACTOR_* in the environment, then `reactor.toml`, then the default.

`DATABASE_URL` is the one name without the prefix, because every platform uses it. A value that
cannot work is one line that names the setting, what is wrong and what to write instead.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import platformdirs
from pydantic import (
    AliasChoices,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from reactor.address import is_network, split_address
from reactor.errors import BadConfiguration

LOOPBACK = ("127.0.0.1", "localhost", "::1")
TOKEN_LENGTH = 16
TOKEN = re.compile(r"[A-Za-z0-9\-._~+/]+=*")
HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")
Seconds = Annotated[float, Field(gt=0, le=7 * 24 * 3600)]


def default_data_dir() -> Path:
    """The platform's user data directory; for root a place that Postgres's own user can enter."""
    if os.geteuid() == 0:
        return Path("/var/lib/reactor")
    return platformdirs.user_data_path("reactor", appauthor=False)


class Settings(BaseSettings):
    """The reactor's configuration, frozen after start."""

    model_config = SettingsConfigDict(
        env_prefix="REACTOR_",
        # `DATABASE_URL=` in a compose file means: none.
        env_ignore_empty=True,
        toml_file="reactor.toml",
        frozen=True,
        extra="ignore",
    )

    data: Path = Field(default_factory=default_data_dir)
    database_url: SecretStr | None = Field(
        default=None, validation_alias=AliasChoices("DATABASE_URL", "database_url")
    )
    listen_url: SecretStr | None = None
    """A direct connection for LISTEN when `DATABASE_URL` goes through a transaction pooler."""
    postgres_version: int = 18
    """Which of the embedded servers to run: 16 or 18."""
    migrate: bool = True
    """Whether the daemon brings the schema up to date at start."""
    name: str = "reactor"
    """A label for people; identity is a new UUID per process."""

    http: str = "127.0.0.1:8787"
    token: SecretStr | None = None
    """What callers must show; without one our pages are for this machine only."""
    upload_mb: Annotated[int, Field(ge=1)] = 512
    """The largest file that may be uploaded."""
    uploads_at_once: Annotated[int, Field(ge=1, le=10_000)] = 100
    """Files in one batch."""
    project_max_active: Annotated[int, Field(ge=1)] | None = 10_000
    """Pending and rendering jobs a project may have; the table's own row for it says otherwise."""
    project_max_rendering: Annotated[int, Field(ge=1)] | None = None
    """Jobs of a project that may render at once."""
    egress_allow: Annotated[tuple[str, ...], NoDecode] = ()
    """Private hosts and networks that webhooks and downloads may reach."""
    download_mb: Annotated[int, Field(ge=1)] = 20_000
    """The largest file that a job may have brought in from a URL."""
    events_keep_days: Annotated[int, Field(ge=1, le=3650)] = 14
    """How long the log of events and delivered messages is kept."""
    time_zone: str | None = None
    """Where a day begins, like `Europe/Berlin`; kept in the database, UTC at first."""
    target_per_day: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """Videos a day that the farm should make; with one, being behind is an alert. Kept in the database."""
    fill_target: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """Keep so many jobs pending, made from the catalogue; off by default."""
    content_agent_url: str | None = None
    """Who is told of every video that is ready to be published."""
    content_agent_secret: SecretStr | None = None
    """What those messages are signed with (`whsec_…`); one is made up when there is none."""
    renderer: str = "embedded"
    """`embedded`, `remotion`, `none`, or the command line of another render server."""
    renderer_url: str = "http://127.0.0.1:3100"
    slots: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """Renders at once; by default what the render server says of itself."""
    browser: Path | None = None
    """What Remotion draws with; by default the first on `PATH`."""
    remotion_tabs: Annotated[int, Field(ge=1, le=64)] | None = None
    """Tabs of the browser that draw one film."""
    asset_dirs: Annotated[tuple[Path, ...], NoDecode] = ()
    """Where jobs may take images and audio from, besides `uploads/` under the data directory."""

    lease_s: Seconds = 30
    heartbeat_s: Seconds = 10
    sweep_s: Seconds = 30
    scan_s: Seconds = 30
    """How often the render directory is read whole."""
    supervise_s: Seconds = 30
    retry_base_s: Seconds = 30
    render_timeout_s: Seconds = 3600
    stall_timeout_s: Seconds = 120
    grace_s: Seconds = 30
    """How long renders may go on after the first SIGTERM."""
    min_free_mb: Annotated[int, Field(ge=0)] = 512
    """Below this much free disk no job is claimed."""
    poll_files: bool | None = None
    """Watch by polling; by default on network mounts only."""
    log: str = "auto"
    """`json`, `console`, or `auto`: console on a terminal."""

    @property
    def renders_dir(self) -> Path:
        """Where renderers write; nothing is ever served from here."""
        return self.data / "renders"

    @property
    def library_dir(self) -> Path:
        """Where finished videos live."""
        return self.data / "library"

    @property
    def quarantine_dir(self) -> Path:
        """Where files go that did not pass verification."""
        return self.data / "quarantine"

    @property
    def archive_dir(self) -> Path:
        """Where videos go once they are published: `YYYY/MM/`."""
        return self.data / "archive"

    @property
    def uploads_dir(self) -> Path:
        """Where jobs take images and audio from."""
        return self.data / "uploads"

    @property
    def allowed_asset_dirs(self) -> tuple[Path, ...]:
        """Every directory a job's assets may lie in, absolute."""
        return tuple(path.expanduser().absolute() for path in (self.uploads_dir, *self.asset_dirs))

    @property
    def http_address(self) -> tuple[str, int]:
        """Host and port of our own pages."""
        return split_address(self.http)

    @property
    def renderer_address(self) -> tuple[str, int]:
        """Host and port of the render server."""
        parts = urlsplit(self.renderer_url)
        return parts.hostname or "127.0.0.1", parts.port or 80

    @field_validator("data", "browser", mode="after")
    @classmethod
    def absolute(cls, path: Path | None) -> Path | None:
        """One spelling, whatever the working directory is later."""
        return path and path.expanduser().absolute()

    @field_validator("asset_dirs", mode="before")
    @classmethod
    def split_paths(cls, value: Any) -> Any:
        """In the environment: paths separated like PATH."""
        return (
            [part for part in value.split(os.pathsep) if part] if isinstance(value, str) else value
        )

    @field_validator("egress_allow", mode="before")
    @classmethod
    def split_hosts(cls, value: Any) -> Any:
        """In the environment: separated by commas."""
        return [part.strip() for part in value.split(",")] if isinstance(value, str) else value

    @field_validator("egress_allow")
    @classmethod
    def known_hosts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        """Host names, addresses and networks."""
        for entry in value:
            if not HOST.fullmatch(entry) and not is_network(entry):
                raise ValueError(f"'{entry}' is neither a host nor a network like 10.0.0.0/8")
        return value

    @field_validator("postgres_version")
    @classmethod
    def known_postgres(cls, value: int) -> int:
        """The embedded servers that exist."""
        if value not in (16, 18):
            raise ValueError("the embedded PostgreSQL is 16 or 18")
        return value

    @field_validator("http")
    @classmethod
    def an_address(cls, value: str) -> str:
        """Host and port."""
        split_address(value)
        return value

    @field_validator("token")
    @classmethod
    def hard_to_guess(cls, value: SecretStr | None) -> SecretStr | None:
        """Long enough that nobody tries, and writable in a header."""
        said = value.get_secret_value() if value else None
        if said is not None and (len(said) < TOKEN_LENGTH or not TOKEN.fullmatch(said)):
            raise ValueError(
                f"must be at least {TOKEN_LENGTH} letters, digits or -._~+/=; "
                "`openssl rand -hex 24` makes one"
            )
        return value

    @field_validator("renderer_url")
    @classmethod
    def http_url(cls, value: str) -> str:
        """The render server speaks plain HTTP or HTTPS."""
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("write it like http://127.0.0.1:3100")
        return value.rstrip("/")

    @field_validator("log")
    @classmethod
    def known_log(cls, value: str) -> str:
        """The log formats that exist."""
        if value not in ("auto", "json", "console"):
            raise ValueError("allowed: auto, json, console")
        return value

    @model_validator(mode="after")
    def token_beyond_loopback(self) -> Settings:
        """Whoever can reach the port could order renders."""
        host, _ = self.http_address
        if host not in LOOPBACK and self.token is None:
            raise ValueError(
                f"REACTOR_HTTP: '{host}' can be reached from elsewhere, and there is no token; "
                "set REACTOR_TOKEN (`openssl rand -hex 24` makes one), or use 127.0.0.1:8787"
            )
        return self

    @model_validator(mode="after")
    def beats_fit_lease(self) -> Settings:
        """A lease must survive one lost heartbeat, or healthy renders are taken away."""
        if self.heartbeat_s * 2 > self.lease_s:
            raise ValueError("REACTOR_HEARTBEAT_S must be at most half of REACTOR_LEASE_S")
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, environment, `reactor.toml`, default: the first that speaks wins."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)


def load(**overrides: Any) -> Settings:
    """Read the settings; BadConfiguration names each bad one and where it is set."""
    try:
        return Settings(**overrides)
    except ValidationError as wrong:
        raise BadConfiguration("; ".join(map(sentence, wrong.errors()))) from None
    except ValueError as wrong:
        raise BadConfiguration(f"reactor.toml: {wrong}") from None


def sentence(error: Any) -> str:
    """One validation error as people would say it, without the value when it could be secret."""
    problem = str(error["msg"]).removeprefix("Value error, ")
    if not error["loc"]:
        return problem
    name = str(error["loc"][0]).upper()
    setting = name if name == "DATABASE_URL" else f"REACTOR_{name}"
    secret = setting.endswith(("_URL", "_TOKEN", "_SECRET"))
    return f"{setting}: {problem}" + ("" if secret else f" (it is {error['input']!r})")
