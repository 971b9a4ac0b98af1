"""Files become rows of the catalogue: all of one or nothing, and every bad line by its number."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

import reactor
from reactor.catalog import Loaded, load_catalog, read_catalog
from reactor.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from psycopg import AsyncConnection

    from reactor.db.pool import Database

    Load = Callable[..., Awaitable[dict[str, Loaded]]]

ROOT = Path(reactor.__file__).parent.parent
WHOLE = """
niches:
  - niche: gardening
    title: Gardening
    performance: 2.5
    hashtags: [garden, green]
  - {niche: solopreneur, performance: 3}
platforms:
  - {platform: youtube, daily_most: 6, aspects: ["16:9"]}
  - {platform: vimeo, max_duration_s: 60.5, max_bytes: 256000000000, max_title: null}
templates:
  - template_id: slideshow
    niches: [gardening]
    platforms: [vimeo, tiktok]
    defaults:
      params: {title: "{niche} {n}", slides: ["a {n}", {t: "{platform}"}]}
      quality: 4k
      max_attempts: 2
  - {template_id: title-card, enabled: no}
"""


@pytest.fixture
async def conn(database: Database) -> AsyncIterator[AsyncConnection]:
    """A connection."""
    async with database.connection() as opened:
        yield opened


@pytest.fixture
def load(conn: AsyncConnection, tmp_path: Path) -> Load:
    """Write a file and load it."""

    async def load_text(name: str, text: str | bytes) -> dict[str, Loaded]:
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return await load_catalog(conn, path)

    return load_text


async def rows_of(conn: AsyncConnection, kind: str) -> dict[str, dict[str, Any]]:
    """One table by the rows' keys."""
    key = {"niches": "niche", "platforms": "platform", "templates": "template_id"}[kind]
    return {row[key]: row for row in (await read_catalog(conn))[kind]}


async def complaints(load: Load, name: str, text: str | bytes) -> list[str]:
    """What is wrong, a line each."""
    with pytest.raises(Invalid) as refused:
        await load(name, text)
    return [f"{error.field}: {error.message}" for error in refused.value.errors]


async def test_yaml_becomes_rows(load: Load, conn: AsyncConnection) -> None:
    before = await read_catalog(conn)

    first = await load("all.yaml", WHOLE)
    again = await load("all.yml", WHOLE)

    assert first == {
        "niches": Loaded(1, 1, 0),
        "platforms": Loaded(1, 1, 0),
        "templates": Loaded(1, 1, 0),
    }
    assert again == {
        "niches": Loaded(0, 0, 2),
        "platforms": Loaded(0, 0, 2),
        "templates": Loaded(0, 0, 2),
    }
    niches, platforms = await rows_of(conn, "niches"), await rows_of(conn, "platforms")
    templates = await rows_of(conn, "templates")
    assert niches["gardening"]["hashtags"] == ["garden", "green"]
    assert (niches["gardening"]["performance"], niches["solopreneur"]["performance"]) == (2.5, 3)
    # Columns that the file does not have stay as they are.
    assert niches["solopreneur"]["title"] == "Solopreneur"
    assert (platforms["youtube"]["daily_most"], platforms["youtube"]["max_title"]) == (6, 100)
    assert (platforms["vimeo"]["daily_target"], platforms["vimeo"]["max_bytes"]) == (
        3,
        256_000_000_000,
    )
    assert templates["slideshow"]["defaults"] == {
        "params": {"title": "{niche} {n}", "slides": ["a {n}", {"t": "{platform}"}]},
        "quality": "4k",
        "max_attempts": 2,
    }
    assert templates["slideshow"]["platforms"] == ["vimeo", "tiktok"]
    assert (templates["title-card"]["enabled"], templates["title-card"]["niches"]) == (False, None)
    # And so do rows that it does not name.
    assert {row["niche"] for row in before["niches"]} < set(niches)
    assert platforms["tiktok"] in before["platforms"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
async def test_csv_becomes_rows(
    load: Load, conn: AsyncConnection, encoding: str, newline: str
) -> None:
    text = newline.join(
        [
            "niche, title,performance,hashtags,enabled",
            'gärten,"Gärten, ""Beete""\nund mehr",2,a b  c,true',
            "",
            "solopreneur,,7,one;two words ;,no",
        ]
    )

    assert await load("n.CSV", text.encode(encoding)) == {"niches": Loaded(1, 1, 0)}

    niches = await rows_of(conn, "niches")
    assert niches["gärten"]["title"] == 'Gärten, "Beete"\nund mehr'
    assert niches["gärten"]["hashtags"] == ["a", "b", "c"]
    # An empty cell says nothing.
    assert niches["solopreneur"]["title"] == "Solopreneur"
    assert niches["solopreneur"]["hashtags"] == ["one", "two words"]
    assert (niches["solopreneur"]["performance"], niches["solopreneur"]["enabled"]) == (7, False)


async def test_csv_of_platforms_and_templates(load: Load, conn: AsyncConnection) -> None:
    await load("p.csv", "platform,engagement,daily_most,aspects\nx,2.5,9,16:9 1:1\n")
    await load(
        "t.csv",
        'template_id,niches,platforms,defaults\nt,solopreneur;ai_automation,x,"{""params"": {""title"": ""{n}""}}"\n',
    )

    platform, template = (
        (await rows_of(conn, "platforms"))["x"],
        (await rows_of(conn, "templates"))["t"],
    )
    assert (platform["engagement"], platform["daily_most"], platform["aspects"]) == (
        2.5,
        9,
        ["16:9", "1:1"],
    )
    assert template["niches"] == ["solopreneur", "ai_automation"]
    assert template["defaults"] == {"params": {"title": "{n}"}}


async def test_all_bad_lines_of_a_csv_are_named_at_once_and_nothing_changes(
    load: Load, conn: AsyncConnection
) -> None:
    before = await read_catalog(conn)
    text = 'niche,performance,enabled\na,1,yes\nb,-3,yes\n\n"c\nd",2\ne,nan,maybe\na,2,yes\n" ",1,\n,1,\n'

    said = await complaints(load, "n.csv", text)

    assert [line.partition(": ")[0] for line in said] == [
        f"n.csv line {line}" for line in (3, 5, 7, 7, 8, 9, 10)
    ]
    assert (
        said[0]
        == "n.csv line 3: performance: Input should be greater than or equal to 0 (it is '-3')"
    )
    assert said[1] == "n.csv line 5: has 2 cells, and the header 3"
    assert said[4] == "n.csv line 8: niche: 'a' is on line 2 already"
    assert said[5].startswith("n.csv line 9: niche: is missing")
    assert await read_catalog(conn) == before


async def test_all_bad_lines_of_a_yaml_file_are_named_at_once_and_nothing_changes(
    load: Load, conn: AsyncConnection
) -> None:
    before = await read_catalog(conn)
    text = """niches:
  - niche: gardening
    performance: -1
    colour: red
  - niche: 7
  - just a word
platforms:
  - platform: youtube
    daily_most: 1
  - platform: youtube
  - {platform: new, min_duration_s: 5, max_duration_s: 5}
templates:
  - template_id: t
    niches: [nope, gardening]
    defaults:
      parms: {}
      container: jpg
  - {template_id: u, platforms: [nowhere]}
  - {template_id: v, defaults: {params: {x: .nan}}}
"""

    said = await complaints(load, "c.yaml", text)

    assert [line.split(": ")[:2] for line in said] == [
        ["c.yaml line 3", "performance"],
        ["c.yaml line 4", "colour"],
        ["c.yaml line 5", "niche"],
        ["c.yaml line 6", "niches"],
        ["c.yaml line 9", "daily_most"],
        ["c.yaml line 10", "platform"],
        ["c.yaml line 11", "max_duration_s"],
        ["c.yaml line 14", "niches"],
        ["c.yaml line 15", "defaults.container"],
        ["c.yaml line 15", "defaults.parms"],
        ["c.yaml line 18", "platforms"],
        ["c.yaml line 19", "defaults.params"],
    ]
    assert "allowed: niche, enabled, title, performance, hashtags" in said[1]
    assert said[4].endswith("is 1; allowed: at least daily_target, 3")
    assert "'nope' is unknown; allowed: ai_automation, content_creation, " in said[7]
    assert "allowed: params, renderer," in said[9]
    assert "'nowhere' is unknown; allowed: instagram, new, threads" in said[10]
    assert await read_catalog(conn) == before


EXAMPLE = (ROOT / "examples/catalogue.yaml").read_text("utf-8")
[SHOWN] = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs/volume.md").read_text("utf-8"), re.S)


@pytest.mark.parametrize("text", [EXAMPLE, SHOWN], ids=["the example", "the documentation"])
async def test_what_newcomers_load_keeps_every_niche_going(
    load: Load, conn: AsyncConnection, text: str
) -> None:
    assert await load("c.yaml", text) == {
        "niches": Loaded(new=1, changed=0, same=0),
        "platforms": Loaded(new=0, changed=1, same=0),
        "templates": Loaded(new=0, changed=1, same=0),
    }
    assert (await rows_of(conn, "templates"))["title-card"]["niches"] is None
    assert yaml.safe_load(text) == yaml.safe_load(EXAMPLE)


async def test_templates_name_what_is_there(load: Load) -> None:
    text = "template_id,niches,platforms\nt,nope,x\nu,solopreneur,nowhere\n"

    assert await complaints(load, "t.csv", text) == [
        "t.csv line 2: niches: 'nope' is unknown; allowed: ai_automation, content_creation, email_marketing, solopreneur",
        "t.csv line 3: platforms: 'nowhere' is unknown; allowed: instagram, threads, tiktok, x, youtube",
    ]


BAD_FILES: dict[str, tuple[str, str | bytes, str]] = {
    "empty": ("a.csv", "", "is empty"),
    "blank": ("a.yaml", " \n\n", "is empty"),
    "a header": ("a.csv", "niche,title\n", "has no rows"),
    "nothing in it": ("a.yaml", "niches: []", "has no rows"),
    "another kind": ("a.json", "{}", "is neither CSV nor YAML; allowed: .csv, .yaml, .yml"),
    "Latin-1": ("a.csv", "niche\na\nb\u00e4".encode("latin-1"), "line 3 is not UTF-8"),
    "UTF-16": ("a.csv", "niche\na".encode("utf-16"), "line 1 is not UTF-8"),
    "too large": ("a.csv", b"niche\n" + b"a" * 2**20, "is larger than 1048576 bytes"),
    "no key": ("a.csv", "title\nx", "line 1: the header must have exactly one of the columns niche"),
    "two keys": ("a.csv", "niche,platform\nx,y", "line 1: the header must have exactly one"),
    "semicolons": ("a.csv", "niche;title\nx;y", "line 1: the header must have exactly one"),
    "unknown column": ("a.csv", "niche,color\nx,y", "line 1: column 'color' is unknown; allowed: niche, "),
    "column twice": ("a.csv", "niche,title,title\nx,y,z", "line 1: column 'title' is there twice"),
    "open quote": ("a.csv", 'niche\nx\n"y', "line 3: unexpected end of data"),
    "NUL": ("a.csv", "niche\na\0b", "line 2: niche: must not contain the character NUL"),
    "huge cell": ("a.csv", "niche\n" + "a" * 200_000, "line 2: field larger than field limit"),
    "no JSON": ("a.csv", "template_id,defaults\nt,{x", "line 2: defaults: is not JSON"),
    "deep JSON": ("a.csv", "template_id,defaults\nt," + "[" * 100_000, "line 2: defaults: is not JSON"),
    "no mapping": ("a.yaml", "- niche: x", "line 1: is no mapping; allowed at the top: niches, platforms"),
    "unknown table": ("a.yaml", "\nnieches: []", "line 2: 'nieches' is unknown; allowed at the top: niches"),
    "no list": ("a.yaml", "niches: {}", "line 1: niches: must be a list of rows"),
    "key twice": ("a.yaml", "niches:\n- niche: x\n  niche: y", "line 3: 'niche' is there twice"),
    "alias": ("a.yaml", "niches:\n- &a {niche: x}\n- *a", "line 3: *a: aliases are not read"),
    "object": ("a.yaml", "niches:\n- niche: !!python/object/apply:os.system [x]", "line 2: could not determine"),
    "tab": ("a.yaml", "niches:\n\t- niche: x", "line 2: found character"),
    "two documents": ("a.yaml", "niches: []\n---\nniches: []", "line 2: but found another document"),
    "deep": ("a.yaml", "niches: " + "[" * 100_000, "is nested too deeply"),
    "no date": ("a.yaml", "niches:\n- niche: 2024-13-45", "line 2: niche: month must be in 1..12"),
    "a date": ("a.yaml", "niches:\n- niche: 2024-12-24", "line 2: niche: Input should be a valid string"),
    "control character": ("a.yaml", "niches:\n- niche: 'a\x07'", "special characters are not allowed"),
    "null": ("a.yaml", "niches:\n- {niche: x, performance: null}", "line 2: performance: Input should be"),
    "no such number": ("a.yaml", "platforms:\n- {platform: x, max_title: 1e400}", "line 2: max_title"),
    "long name": ("a.csv", "niche\n" + "a" * 201, "line 2: niche: String should have at most 200"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_FILES)
async def test_no_file_is_a_traceback(load: Load, conn: AsyncConnection, case: str) -> None:
    name, text, words = BAD_FILES[case]
    before = await read_catalog(conn)

    said = await complaints(load, name, text)

    assert words in said[0]
    assert await read_catalog(conn) == before


async def test_a_file_that_is_not_there_or_none(conn: AsyncConnection, tmp_path: Path) -> None:
    (tmp_path / "dir.csv").mkdir()
    for name, words in (
        ("none.csv", "No such file"),
        ("dir.csv", "Is a directory"),
        ("a\0.csv", "null"),
    ):
        with pytest.raises(Invalid, match=words):
            await load_catalog(conn, tmp_path / name)


async def test_what_the_file_makes_counts_for_its_own_templates(load: Load) -> None:
    """A template may name a niche of the same file, wherever it stands there."""
    text = "templates:\n- {template_id: t, niches: [late]}\nniches:\n- {niche: late}\n"

    assert await load("c.yaml", text) == {"templates": Loaded(1, 0, 0), "niches": Loaded(1, 0, 0)}


async def test_loading_is_part_of_the_callers_transaction(
    load: Load, conn: AsyncConnection
) -> None:
    before = await read_catalog(conn)
    with pytest.raises(ZeroDivisionError):
        async with conn.transaction():
            await load("all.yaml", WHOLE)
            raise ZeroDivisionError

    assert await read_catalog(conn) == before
