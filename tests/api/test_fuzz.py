"""Whatever is sent to any documented address, the answer is a documented one, and never a 5xx.

schemathesis makes the requests out of `/openapi.json`: fitting ones, and ones that are wrong in each way
that the document knows.
"""

from __future__ import annotations

from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeAlias

import anyio
import pytest
import requests
import schemathesis
from anyio import from_thread, to_thread
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Err
from schemathesis.specs.openapi.checks import positive_data_acceptance

from reactor import httpserver
from reactor.api.app import create_app
from tests.api.tone import write_tone

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
    from pathlib import Path

    from hypothesis.strategies import SearchStrategy
    from schemathesis import BaseSchema, Case, CheckFunction
    from schemathesis.schemas import APIOperation

    from reactor.context import Context
    from tests.api.conftest import Farm

Operation: TypeAlias = "APIOperation[Any, Any, Any, Any]"

EXAMPLES = 12
"""Drawn for each operation, and as many again of wrong ones."""
EXAMPLES_OF_ONE = 4
"""Drawn for each thing that there is."""
EDGES = 100
"""Cases at the borders of what an operation takes: shortest, longest, missing, of another type."""
# A schema cannot say that a project has room, or that a path is below an allowed directory.
NOT_PROMISED: list[CheckFunction] = [positive_data_acceptance]
ORDER = ("PUT", "POST", "GET", "DELETE")
NAME = "known"
PATIENCE_S = 60
CUTS = {"cuts": [{"asset": NAME, "in_s": 0, "out_s": 1}]}
SESSION = f"/api/sessions/{NAME}"
QUEUE = "/api/publish-queue"
BATCH = {"template": "flame", "formats": ["720p"], "audio": [{"path": "tone.mp3"}]}


class Fuzz:
    """Sends cases and keeps what was wrong with the answers; `jobs` makes one in each state."""

    def __init__(self, base_url: str, jobs: Callable[[], Coroutine[Any, Any, list[int]]]) -> None:
        self.base_url = base_url
        self.jobs = jobs
        self.known = [NAME, "1"]
        """Names of what there is besides jobs; what is numbered begins with 1."""
        self.session = requests.Session()
        self.session.trust_env = False
        self.wrong: dict[str, str] = {}
        self.answers: dict[str, list[int]] = {}

    def run(self) -> None:
        """Every operation: what makes things first, what removes them last."""
        self.prepare()
        spec = self.session.get(f"{self.base_url}/openapi.json", timeout=PATIENCE_S).json()
        schema = schemathesis.openapi.from_dict(spec)
        for operation in sorted(operations(schema), key=place):
            self.try_edges(schema, operation)
            self.try_drawn(operation.as_strategy(), EXAMPLES)
            for known in self.names() if operation.path_parameters else ():
                named = {parameter.name: known for parameter in operation.path_parameters}
                self.try_drawn(operation.as_strategy(path_parameters=named), EXAMPLES_OF_ONE)
            if operation.path_parameters or operation.query or operation.body:
                wrong = operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)
                self.try_drawn(wrong, EXAMPLES)

    def prepare(self) -> None:
        """Make what hangs together, which no schema tells how to make."""
        self.make("PUT", SESSION, {})
        self.make("PUT", f"{SESSION}/assets/{NAME}", {"mezzanine_url": "film.mp4"})
        self.make("PUT", f"{SESSION}/edl", CUTS)
        self.make("POST", f"{SESSION}/edl/lock")
        self.make("POST", "/api/render-jobs/trigger", {"sessionId": NAME})
        self.known.append(self.make("POST", "/api/batches", BATCH)["batch_id"])
        self.publish()

    def publish(self) -> None:
        """Say with a token what only whoever was given one can say."""
        from_thread.run(self.jobs)
        [one] = self.make("POST", f"{QUEUE}/take", {"publisher": NAME})["publications"]
        claim = {"token": one["token"]}
        said = {
            "renew": claim,
            "release": claim,
            "failed": {"error": "no"},
            "republish": None,
            "published": {"url": "https://example.com/v/1"},
        }
        for verb, body in said.items():
            self.make("POST", f"{QUEUE}/{one['publish_id']}/{verb}", body)
            self.answers[f"POST {QUEUE}/{{publish_id}}/{verb}"] = [200]

    def make(self, method: str, path: str, body: Any = None) -> Any:
        """Send one request that must work."""
        answer = self.session.request(
            method, f"{self.base_url}{path}", json=body, timeout=PATIENCE_S
        )
        self.answers.setdefault(f"{method} {path}", []).append(answer.status_code)
        assert answer.status_code < 300, f"{method} {path}: {answer.text}"
        return answer.json()

    def names(self) -> list[str]:
        """Of everything there is; the jobs are new, for an operation may have moved the others."""
        return [*self.known, *map(str, from_thread.run(self.jobs))]

    def try_edges(self, schema: BaseSchema, operation: Operation) -> None:
        """What lies on the borders of what is allowed, on both sides."""
        cases = schema.iter_coverage_cases(
            operation,
            generation_modes=list(GenerationMode),
            generation_config=schema.config.generation,
        )
        for case in islice(cases, EDGES):
            self.send(case)

    def try_drawn(self, cases: SearchStrategy[Case[Any]], most: int) -> None:
        """What hypothesis makes of an operation's schemas."""

        @settings(
            max_examples=most,
            derandomize=True,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=cases)
        def send(case: Case[Any]) -> None:
            self.send(case)

        send()

    def send(self, case: Case[Any]) -> None:
        """Send one request and compare its answer with the document."""
        label = case.operation.label
        answer = case.call(base_url=self.base_url, session=self.session, timeout=PATIENCE_S)
        self.answers.setdefault(label, []).append(answer.status_code)
        try:
            case.validate_response(answer, excluded_checks=NOT_PROMISED)
        except FailureGroup as wrong:
            self.wrong.setdefault(label, str(wrong))

    def unheard(self) -> set[str]:
        """Operations that never did what they are for, so that little was learned about them."""
        return {label for label, codes in self.answers.items() if min(codes) >= 400}


def operations(schema: BaseSchema) -> Iterator[Operation]:
    """All of them; InvalidSchema when one cannot be read."""
    for found in schema.get_all_operations():
        if isinstance(found, Err):
            raise found.err()
        yield found.ok()


def place(operation: Operation) -> int:
    """When it is an operation's turn."""
    return ORDER.index(operation.method.upper())


async def make_jobs(farm: Farm, library: Path) -> list[int]:
    """A new job in each state."""
    return [
        await farm.pending(project_id=NAME, approved=False),
        await farm.rendering(),
        await farm.complete(library / "a.mp4", library / "a.jpg"),
        await farm.failed("the renderer died"),
    ]


@pytest.fixture
async def fuzz(context: Context, farm: Farm) -> AsyncIterator[Fuzz]:
    """The application at its address, with some of everything in it."""
    library, uploads = context.settings.library_dir, context.settings.uploads_dir
    for name in ("a.mp4", "a.jpg"):
        (library / name).write_bytes(b"file")
    write_tone(uploads / "tone.mp3")
    sock = httpserver.bind("127.0.0.1", 0, setting="REACTOR_HTTP")
    async with anyio.create_task_group() as tg:
        await tg.start(httpserver.serve, create_app(context), sock)
        base_url = f"http://127.0.0.1:{sock.getsockname()[1]}"
        yield Fuzz(base_url, partial(make_jobs, farm, library))
        tg.cancel_scope.cancel()


async def test_every_answer_is_a_documented_one(fuzz: Fuzz) -> None:
    await to_thread.run_sync(fuzz.run)

    assert "\n\n".join(fuzz.wrong.values()) == ""
    # There is no renderer to start here; tests/flush has one.
    assert fuzz.unheard() <= {"POST /api/renderer/start"}
