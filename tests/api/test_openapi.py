"""`/openapi.json` is valid, and says of every route what it is for, what it takes and what it answers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import jsonschema_rs
import pytest
import schemathesis
from pydantic import SecretStr

from reactor.api.app import application, routes
from reactor.api.health import Ready

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

    from reactor.context import Context

Spec = dict[str, Any]
UNSAFE = {"post", "put", "patch", "delete"}
OPEN = {"/health", "/ready"}


@pytest.fixture
async def spec(client: httpx.AsyncClient) -> Spec:
    """The document, as served."""
    found: Spec = (await client.get("/openapi.json")).json()
    return found


def operations(spec: Spec) -> Iterator[tuple[str, str, Spec]]:
    """Method, path and description of each."""
    for path, methods in spec["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


def resolved(spec: Spec, schema: Spec) -> Spec:
    """The schema a reference names; of an optional one what is there when it is."""
    if "anyOf" in schema:
        schema = next(part for part in schema["anyOf"] if part.get("type") != "null")
    name = schema.get("$ref", "").rpartition("/")[2]
    found: Spec = spec["components"]["schemas"][name] if name else schema
    return found


async def test_the_document_is_valid(spec: Spec) -> None:
    schemathesis.openapi.from_dict(spec).validate()

    assert spec["openapi"].startswith("3.1")
    assert (spec["info"]["title"], bool(spec["info"]["version"])) == ("Render reactor", True)


async def test_every_documented_route_is_in_it(context: Context, spec: Spec) -> None:
    served = {
        (route.method.lower(), route.path.replace(":int}", "}"))
        for route in routes(context)
        if route.tag
    }

    assert {(method, path) for method, path, _ in operations(spec)} == served


async def test_every_route_says_what_it_is_for(spec: Spec) -> None:
    for method, path, operation in operations(spec):
        where = f"{method} {path}"
        assert operation["summary"], where
        assert len(operation["summary"]) < 80, where
        assert operation["description"].endswith("."), where
        assert operation["tags"], where


async def test_every_operation_has_a_name_of_its_own(spec: Spec) -> None:
    names = [operation["operationId"] for _, _, operation in operations(spec)]

    assert len(names) == len(set(names))


async def test_every_parameter_has_a_sentence_and_an_example(spec: Spec) -> None:
    for method, path, operation in operations(spec):
        for parameter in operation.get("parameters", ()):
            where = f"{method} {path} {parameter['name']}"
            assert parameter.get("description"), where
            assert "example" in parameter or parameter["schema"].get("examples"), where


async def test_every_example_is_one(spec: Spec) -> None:
    for method, path, operation in operations(spec):
        for parameter in operation.get("parameters", ()):
            said = parameter["schema"].get("examples", [parameter.get("example")])
            for example in said:
                schema = {**parameter["schema"], "components": spec["components"]}
                assert jsonschema_rs.is_valid(schema, example), (method, path)


async def test_every_body_has_an_example_of_what_must_be_in_it(spec: Spec) -> None:
    for method, path, operation in operations(spec):
        for content in operation.get("requestBody", {}).get("content", {}).values():
            body = resolved(spec, content["schema"])
            assert body["properties"], (method, path)
            for name in body.get("required", ()):
                assert shown(spec, body["properties"][name]), (method, path, name)


def shown(spec: Spec, part: Spec) -> bool:
    """Whether one sees what may be there: by an example, or because little else can."""
    if "examples" in part or part.get("format") == "binary":
        return True
    if part.get("type") == "array":
        return shown(spec, part["items"])
    return any(word in resolved(spec, part) for word in ("enum", "const", "properties"))


async def test_every_answer_has_a_shape(spec: Spec) -> None:
    for method, path, operation in operations(spec):
        for code, answer in operation["responses"].items():
            where = f"{method} {path} {code}"
            assert answer["description"], where
            assert code == "204" or answer["content"], where
            if "application/json" in answer.get("content", {}):
                assert answer["content"]["application/json"]["schema"], where


async def test_the_errors_are_those_that_happen(spec: Spec) -> None:
    for method, path, operation in operations(spec):
        codes, where = set(operation["responses"]), f"{method} {path}"
        assert "422" not in codes, where
        assert not operation.get("parameters") or "400" in codes, where
        assert "requestBody" not in operation or {"400", "413", "415"} <= codes, where
        assert (method in UNSAFE) == ("403" in codes), where
        # A project is there as soon as somebody names it, and PUT makes what is not.
        named = "{" in path and not path.startswith("/api/projects/") and method != "put"
        assert not named or "404" in codes, where
        assert not path.startswith("/api") or "503" in codes, where
        assert "401" not in codes, where


async def test_every_error_is_a_problem(spec: Spec) -> None:
    for method, path, operation in operations(spec):
        model = "EnvelopedProblem" if path.startswith("/api/render-jobs") else "Problem"
        for code, answer in operation["responses"].items():
            if code >= "400" and path not in OPEN:
                schema = answer["content"]["application/problem+json"]["schema"]
                assert schema == {"$ref": f"#/components/schemas/{model}"}, (method, path, code)


async def test_ready_says_also_when_it_is_not_what_is_missing(spec: Spec) -> None:
    answer = spec["paths"]["/ready"]["get"]["responses"]["503"]

    schema = answer["content"]["application/json"]["schema"]
    assert schema == {"$ref": f"#/components/schemas/{Ready.__name__}"}


async def test_a_token_is_documented_when_one_is_asked_for(context: Context) -> None:
    settings = context.settings.model_copy(update={"token": SecretStr("0123456789abcdef")})

    spec = application(replace(context, settings=settings)).openapi()

    assert set(spec["components"]["securitySchemes"]) == {"bearer", "basic"}
    for _, path, operation in operations(spec):
        assert ("401" in operation["responses"]) == (path not in OPEN), path
        assert ("security" in operation) == (path not in OPEN), path
