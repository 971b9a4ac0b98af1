"""Settings: where they come from, which of them wins, and what is said of a bad one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from reactor.errors import BadConfiguration
from reactor.settings import Settings, load

SECRET = "postgresql://someone:hunter2@db.example/reactor"


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No settings from outside, and a working directory of one's own."""
    for name in [name for name in os.environ if name.upper().startswith("REACTOR_")]:
        monkeypatch.delenv(name)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_without_any_setting_everything_has_a_default() -> None:
    settings = load()

    assert settings.database_url is None
    assert settings.http_address == ("127.0.0.1", 8787)
    assert settings.renderer == "embedded"
    assert settings.renderer_address == ("127.0.0.1", 3100)
    assert (settings.lease_s, settings.heartbeat_s, settings.sweep_s) == (30, 10, 30)
    assert settings.retry_base_s == 30
    assert settings.slots is None
    assert settings.data.is_absolute()


def test_root_keeps_its_data_where_postgres_can_enter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)

    assert load().data == Path("/var/lib/reactor")


def test_everybody_else_keeps_data_in_the_users_data_directory(
    monkeypatch: pytest.MonkeyPatch, clean: Path
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("XDG_DATA_HOME", str(clean / "share"))
    monkeypatch.setenv("HOME", str(clean))

    assert clean in load().data.parents


@pytest.mark.parametrize(
    "field", [name for name in Settings.model_fields if name != "database_url"]
)
def test_every_setting_has_a_name_in_the_environment(
    monkeypatch: pytest.MonkeyPatch, field: str
) -> None:
    """What arrives there is the setting's value, or is refused under that name."""
    unset = str(getattr(load(), field))
    monkeypatch.setenv("REACTOR_HEARTBEAT_S", "1")
    monkeypatch.setenv(f"REACTOR_{field.upper()}", "7.5")

    try:
        said = str(getattr(load(), field))
    except BadConfiguration as refused:
        said = str(refused).removeprefix(f"REACTOR_{field.upper()}: ")
        assert said != str(refused)  # noqa: PT017 - either way is right, and both are looked at

    assert said != unset


def test_the_environment_wins_over_the_file_and_an_argument_over_both(
    monkeypatch: pytest.MonkeyPatch, clean: Path
) -> None:
    (clean / "reactor.toml").write_text('slots = 1\nname = "file"\nrenderer = "none"\n')
    monkeypatch.setenv("REACTOR_SLOTS", "2")
    monkeypatch.setenv("REACTOR_NAME", "environment")

    settings = load(slots=3)

    assert (settings.slots, settings.name, settings.renderer) == (3, "environment", "none")


def test_an_empty_variable_is_no_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "")
    monkeypatch.setenv("REACTOR_SLOTS", "")

    assert (load().database_url, load().slots) == (None, None)


@pytest.mark.parametrize("where", ["environment", "file"])
def test_the_database_is_never_shown(
    monkeypatch: pytest.MonkeyPatch, clean: Path, where: str
) -> None:
    if where == "environment":
        monkeypatch.setenv("DATABASE_URL", SECRET)
    else:
        (clean / "reactor.toml").write_text(f'database_url = "{SECRET}"\n')

    settings = load()

    assert settings.database_url is not None
    assert settings.database_url.get_secret_value() == SECRET
    for shown in (
        repr(settings),
        str(settings),
        settings.model_dump_json(),
        str(settings.model_dump()),
    ):
        assert "hunter2" not in shown


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("HTTP", "0.0.0.0:8787", "can be reached from elsewhere, and there is no token"),
        ("TOKEN", "short", "at least 16 letters"),
        ("EGRESS_ALLOW", "10.0.0.0/8,a b", "neither a host nor a network"),
        ("HTTP", "8787", "write it like 127.0.0.1:8787"),
        ("HTTP", "127.0.0.1:99999", "write it like 127.0.0.1:8787"),
        ("RENDERER_URL", "ftp://x", "write it like http://127.0.0.1:3100"),
        ("POSTGRES_VERSION", "17", "the embedded PostgreSQL is 16 or 18"),
        ("SLOTS", "0", "greater than or equal to 1"),
        ("SLOTS", "many", "valid integer"),
        ("LEASE_S", "0", "greater than 0"),
        ("LEASE_S", "inf", "less than or equal to 604800"),
        ("LEASE_S", "nan", "less than or equal to 604800"),
        ("MIN_FREE_MB", "-1", "greater than or equal to 0"),
        ("LOG", "xml", "allowed: auto, json, console"),
        ("MIGRATE", "perhaps", "valid boolean"),
    ],
)
def test_a_bad_setting_is_one_line_that_names_it(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(f"REACTOR_{name}", value)

    with pytest.raises(BadConfiguration) as refused:
        load()

    line = str(refused.value)
    assert line.startswith(f"REACTOR_{name}: ")
    assert said in line
    assert "\n" not in line
    assert refused.value.exit_code == 78


def test_several_bad_settings_are_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REACTOR_SLOTS", "0")
    monkeypatch.setenv("REACTOR_LOG", "xml")

    with pytest.raises(BadConfiguration, match=r"REACTOR_SLOTS: .*; REACTOR_LOG: "):
        load()


def test_a_heartbeat_must_fit_into_the_lease_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REACTOR_HEARTBEAT_S", "15")
    assert load().heartbeat_s == 15
    monkeypatch.setenv("REACTOR_HEARTBEAT_S", "16")

    with pytest.raises(BadConfiguration, match=r"^REACTOR_HEARTBEAT_S must be at most half"):
        load()


def test_a_bad_address_does_not_show_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REACTOR_RENDERER_URL", "ftp://someone:hunter2@host")
    with pytest.raises(BadConfiguration) as refused:
        load()

    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("text", ["slots = = 3", "slots", "\0", 'name = "open'])
def test_a_broken_file_is_named(clean: Path, text: str) -> None:
    (clean / "reactor.toml").write_text(text)

    with pytest.raises(BadConfiguration, match=r"^reactor\.toml: ") as refused:
        load()

    assert "\n" not in str(refused.value)


def test_paths_do_not_move_with_the_working_directory(
    monkeypatch: pytest.MonkeyPatch, clean: Path
) -> None:
    monkeypatch.setenv("REACTOR_DATA", "here")
    monkeypatch.setenv("HOME", "/home/someone")
    settings = load()
    in_home = load(data=Path("~/videos"))

    assert settings.data == clean / "here"
    assert settings.renders_dir == clean / "here" / "renders"
    assert in_home.data == Path("/home/someone/videos")


def test_asset_directories_are_separated_like_path(
    monkeypatch: pytest.MonkeyPatch, clean: Path
) -> None:
    monkeypatch.setenv("REACTOR_DATA", str(clean))
    monkeypatch.setenv("REACTOR_ASSET_DIRS", os.pathsep.join(["/music", "", "pictures"]))

    assert load().allowed_asset_dirs == (clean / "uploads", Path("/music"), clean / "pictures")


def test_settings_are_frozen() -> None:
    settings: Any = load()

    with pytest.raises(ValueError, match="frozen"):
        settings.slots = 3
