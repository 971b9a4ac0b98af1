"""The pages run only our own scripts, show texts only as text, and everything carries the headers."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest

from reactor.api.page import SECURITY_HEADERS, STATIC, STATIC_DIR
from reactor.observe import Seen

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

    from reactor.context import Context
    from tests.fix_reactor import Table

PAGES = sorted(STATIC_DIR.glob("*.html"))
SCRIPTS = sorted(STATIC_DIR.glob("*.js"))
# Every way by which a text could become markup or code.
MARKUP = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|createContextualFragment|DOMParser"
    r"|srcdoc|setHTML|\beval\b|new Function|setAttribute\(\s*[\"'](?:style|on)|javascript:"
)
ELSEWHERE = re.compile(r"https?://|[\"'(]//")


class Page(HTMLParser):
    """What a page contains, as far as it matters here."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.inline: list[str] = []
        self.links: list[str] = []
        self.ids: set[str] = set()
        self.language: str | None = None
        self._script = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note links, ids and whatever a content security policy would forbid."""
        named = dict(attrs)
        self._script = tag == "script"
        self.inline += [
            f"<{tag} {name}>" for name in named if name.startswith("on") or name == "style"
        ]
        self.inline += (
            [tag] if tag in ("style", "base", "iframe", "object", "embed", "form") else []
        )
        self.links += [value for name in ("src", "href") if (value := named.get(name))]
        self.ids |= {value} if (value := named.get("id")) else set()
        self.language = named.get("lang") if tag == "html" else self.language

    def handle_data(self, data: str) -> None:
        """Note code between script tags."""
        if self._script and data.strip():
            self.inline.append(data)

    def handle_endtag(self, tag: str) -> None:
        """A script ends."""
        self._script = False


def read(path: Path) -> Page:
    """A page's contents."""
    return Page(path.read_text("utf-8"))


@pytest.mark.parametrize("page", [read(path) for path in PAGES], ids=[path.name for path in PAGES])
def test_a_page_has_nothing_inline(page: Page) -> None:
    assert page.inline == []
    assert page.language == "en"


@pytest.mark.parametrize("page", [read(path) for path in PAGES], ids=[path.name for path in PAGES])
async def test_what_a_page_links_to_is_here(client: httpx.AsyncClient, page: Page) -> None:
    links = [link for link in page.links if not link.startswith("#")]

    answers = {link: (await client.get(link)).status_code for link in links}

    assert answers == dict.fromkeys(links, 200)


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_a_script_never_turns_text_into_markup(path: Path) -> None:
    text = path.read_text("utf-8")

    assert MARKUP.findall(text) == []
    assert ELSEWHERE.findall(text) == []


def test_the_script_finds_every_element_it_asks_for() -> None:
    script = (STATIC_DIR / "page.js").read_text("utf-8")
    ids = read(STATIC_DIR / "page.html").ids
    asked = set(re.findall(r"""\bat\("([\w-]+)"\)""", script))
    for name in re.findall(r"""\blist\("(\w+)",""", script):
        asked |= {name, f"{name}-section"}

    assert len(asked) > 20
    assert asked - ids == set()


def test_every_static_file_is_named() -> None:
    found = {path.name for path in STATIC_DIR.iterdir() if path.suffix != ".html"}

    assert found == set(STATIC)


@pytest.mark.parametrize("name", STATIC)
async def test_a_static_file_has_the_type_we_say(client: httpx.AsyncClient, name: str) -> None:
    answer = await client.get(f"/static/{name}")

    assert (answer.status_code, answer.headers["content-type"]) == (200, STATIC[name])


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/", 200),
        ("/docs", 200),
        ("/static/page.js", 200),
        ("/favicon.ico", 200),
        ("/health", 200),
        ("/metrics", 200),
        ("/openapi.json", 200),
        ("/api/renderer/status", 200),
        ("/nowhere", 404),
        ("/api/nowhere", 404),
        ("/api/videos/x/data", 400),
    ],
)
async def test_every_answer_carries_the_headers(
    client: httpx.AsyncClient, path: str, expected: int
) -> None:
    answer = await client.get(path)

    assert answer.status_code == expected
    assert SECURITY_HEADERS.items() <= {k.title(): v for k, v in answer.headers.items()}.items()


def test_the_policy_forbids_everything_from_elsewhere() -> None:
    policy = SECURITY_HEADERS["Content-Security-Policy"]

    assert policy.startswith("default-src 'self';")
    assert "unsafe" not in policy


@pytest.mark.parametrize(
    "path", ["/nowhere", "/static/../app.py", "/static/%2e%2e%2fapp.py", "/docs/"]
)
async def test_people_who_got_lost_see_a_page(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)

    assert answer.status_code == 404
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "There is nothing here" in answer.text


@pytest.mark.parametrize("path", ["/api", "/api/", "/api/nowhere", "/api/renderer/status/"])
async def test_programs_that_got_lost_get_a_problem(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)

    assert (answer.status_code, answer.json()["status"]) == (404, 404)
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_method_that_is_not_offered_is_refused_with_those_that_are(
    client: httpx.AsyncClient,
) -> None:
    answer = await client.post("/api/renderer/status")

    assert (answer.status_code, answer.json()["title"]) == (405, "Method Not Allowed")
    assert "GET" in answer.headers["allow"]


async def test_a_bug_is_told_to_the_log_and_not_to_strangers(
    client: httpx.AsyncClient, context: Context, table: Table
) -> None:
    bugs = []
    context.observe.subscribe(lambda seen, facts: bugs.append((seen, facts)))
    await table.rows("DROP TABLE reactor.control CASCADE")

    answer = await client.get("/api/renderer/status")

    [(seen, facts)] = bugs
    assert (seen, facts["handler"]) == (Seen.HANDLER_FAILED, "GET /api/renderer/status")
    assert "reactor.control" in facts["traceback"]
    assert answer.status_code == 500
    assert "reactor.control" not in answer.text
    assert SECURITY_HEADERS.items() <= {k.title(): v for k, v in answer.headers.items()}.items()


async def test_the_documentation_says_what_a_job_shows(client: httpx.AsyncClient) -> None:
    spec = (await client.get("/openapi.json")).json()

    status = spec["paths"]["/api/renderer/status"]["get"]["responses"]
    assert "application/problem+json" in status["503"]["content"]
    assert spec["components"]["schemas"]["JobView"]["properties"]["progress"]["examples"]
