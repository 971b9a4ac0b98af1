"""Every command in `docs/api.md` works as it is typed, and every route has one."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from reactor.api.app import routes
from tests.api.tone import write_tone

if TYPE_CHECKING:
    import httpx

    from reactor.context import Context
    from tests.api.conftest import Farm
    from tests.fix_reactor import Table

PAGE = Path(__file__).parents[2] / "docs" / "api.md"
BASE = "http://127.0.0.1:8787"
NOTHING_TO_START = ("/api/renderer/start",)
"""Here the renderer is nobody's to start, which is a 409; tests/flush has one that is."""
SHELL = re.compile(r"^```sh\n(.*?)^```", re.DOTALL | re.MULTILINE)


class Request(NamedTuple):
    """What a curl command sends."""

    method: str
    path: str
    headers: dict[str, str]
    body: str | None
    form: list[tuple[str, str]]


def commands(section: str) -> list[str]:
    """Every line of the section's shell blocks."""
    return [line for block in SHELL.findall(section) for line in block.splitlines()]


def sections() -> dict[str, str]:
    """The page's parts by their headings."""
    parts = PAGE.read_text("utf-8").split("\n## ")[1:]
    return {part.partition("\n")[0]: part for part in parts}


def read(command: str) -> Request:
    """The options that the page uses; KeyError for any other."""
    name, *words = shlex.split(command)
    assert name == "curl"
    found: dict[str, list[str]] = {"-X": [], "-H": [], "-d": [], "-F": [], "-o": []}
    url = ""
    rest = iter(words)
    for word in rest:
        if word.startswith("-"):
            found[word].append(next(rest))
        else:
            url = word
    body = found["-d"][0] if found["-d"] else None
    form = [(name, value) for name, _, value in (one.partition("=") for one in found["-F"])]
    return Request(
        found["-X"][0] if found["-X"] else "POST" if body or form else "GET",
        url.removeprefix(BASE),
        dict(header.split(": ", 1) for header in found["-H"]),
        body,
        form,
    )


async def send(client: httpx.AsyncClient, request: Request, files: Path) -> httpx.Response:
    """Send it, as curl would."""
    texts: dict[str, Any] = {}
    sent = []
    for name, value in request.form:
        if value.startswith("@"):
            sent.append((name, (value[1:], (files / value[1:]).read_bytes())))
        else:
            texts.setdefault(name, []).append(value)
    return await client.request(
        request.method,
        request.path,
        headers=request.headers,
        content=request.body,
        data=texts or None,
        files=sent or None,
    )


async def make_jobs(context: Context, farm: Farm, table: Table) -> None:
    """The jobs that the page speaks of, by their ids."""
    await table.rows("ALTER TABLE actp_gen_jobs ALTER id RESTART WITH 42")
    library = context.settings.library_dir
    for name in ("a.mp4", "a.jpg"):
        (library / name).write_bytes(b"file")
    await farm.complete(library / "a.mp4", library / "a.jpg")
    await farm.pending()
    await farm.failed("the renderer died")
    await farm.pending(approved=False)
    await farm.failed("the renderer died")
    assert await farm.rendering() == 47
    write_tone(context.settings.uploads_dir / "song.mp3")


async def test_every_command_works_as_typed(
    client: httpx.AsyncClient, context: Context, farm: Farm, table: Table
) -> None:
    await make_jobs(context, farm, table)
    batch = claim = ""
    for heading, section in sections().items():
        for command in commands(section):
            request = read(command.replace("$BATCH", batch).replace("$CLAIM", claim))
            answer = await send(client, request, context.settings.uploads_dir)
            expected = 400 if heading == "Errors" or request.path in NOTHING_TO_START else 200
            assert answer.status_code // 100 == expected // 100, f"{command}\n{answer.text}"
            if request.path == "/api/batches":
                batch = answer.json()["batch_id"]
            if request.path == "/api/publish-queue/take":
                claim = answer.json()["publications"][0]["token"]


async def test_every_route_has_a_command(context: Context) -> None:
    typed = [read(command) for section in sections().values() for command in commands(section)]
    documented = [(route.method, route.path) for route in routes(context) if route.tag]

    missing = [
        (method, path)
        for method, path in documented
        if not any(request.method == method and fits(path, request.path) for request in typed)
    ]
    assert missing == []


def fits(path: str, typed: str) -> bool:
    """Whether an address is one of the route's."""
    pattern = re.sub(r"\{[\w:]+\}", "[^/]+", path)
    return re.fullmatch(pattern, typed.partition("?")[0]) is not None
