"""`/openapi.json`: what FastAPI knows of the routes, with the errors as they really are."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from pydantic.json_schema import models_json_schema

from reactor.api.auth import OPEN
from reactor.api.problem import EnvelopedProblem, Problem, ProblemResponse, is_enveloped

REF = "#/components/schemas/{model}"
FORBIDDEN = "Another web page asks; only our own pages and programs may change anything."
UNSAFE = ("post", "put", "patch", "delete")
OF_BODIES = {413: "The body is too large.", 415: "The body has another type than listed."}
PARAMETERS: dict[str, tuple[str, Any]] = {
    "job_id": ("The job's id.", 7),
    "project_id": ("The project's name.", "spring"),
    "session_id": ("The session's name.", "2026-01-27-studio"),
    "batch_id": ("The batch's id, as its creation answered.", "b3f0c2"),
    "asset_id": ("The asset's name within its session.", "camera_1"),
    "status": ("Only those in this state.", "complete"),
    "webhook_id": ("The webhook's id.", 3),
    "publish_id": ("The publication's id.", 12),
    "platform": ("Only those for this platform.", "youtube"),
    "before": ("Where to go on: `before` of the page read last. Newest are first.", 120),
    "days": ("How many days, today the last.", 14),
    "limit": ("How many at most.", 50),
    "most": ("How many at most.", 50),
    "all": ("Also those that are over.", True),
}
"""What the same name says everywhere, unless the route says it itself."""
SECURITY: dict[str, Any] = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "The token of REACTOR_TOKEN."},
    "basic": {
        "type": "http",
        "scheme": "basic",
        "description": "Any name; the token is the password.",
    },
}


class Documented(FastAPI):
    """An application whose errors are problems; `guarded` says that a token is asked for."""

    guarded = False

    def openapi(self) -> dict[str, Any]:
        """The document, made once."""
        if self.openapi_schema is None:
            self.openapi_schema = complete(super().openapi(), guarded=self.guarded)
        return self.openapi_schema


def complete(spec: dict[str, Any], *, guarded: bool) -> dict[str, Any]:
    """Put in what every route can answer, and take out what none does."""
    for path, operations in spec["paths"].items():
        for method, operation in operations.items():
            operation["responses"] = responses(path, method, operation, guarded=guarded)
            for parameter in operation.get("parameters", ()):
                explain(parameter)
            if guarded and path not in OPEN:
                operation["security"] = [{name: []} for name in SECURITY]
    components = spec.setdefault("components", {})
    if guarded:
        components["securitySchemes"] = SECURITY
    schemas = components.setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    _, ours = models_json_schema(
        [(Problem, "serialization"), (EnvelopedProblem, "serialization")], ref_template=REF
    )
    schemas.update(ours["$defs"])
    return spec


def explain(parameter: dict[str, Any]) -> None:
    """Give a parameter its sentence and an example."""
    if parameter["name"] not in PARAMETERS:
        return
    words, example = PARAMETERS[parameter["name"]]
    parameter.setdefault("description", words)
    if "examples" not in parameter["schema"]:
        parameter.setdefault("example", example)


def responses(
    path: str, method: str, operation: dict[str, Any], *, guarded: bool
) -> dict[str, Any]:
    """The answers of one operation, by status."""
    found: dict[str, Any] = dict(operation["responses"])
    said: dict[int, str] = {}
    # FastAPI's 422 stands wherever there is something to be wrong; here that is a 400.
    if found.pop("422", None):
        said[400] = "What was sent is wrong; `errors` names the fields."
    if guarded and path not in OPEN:
        said[401] = "A token is needed."
    if method in UNSAFE:
        said[403] = FORBIDDEN
    if "requestBody" in operation:
        said |= OF_BODIES
    for code, words in said.items():
        found.setdefault(str(code), described(path, words))
    return dict(sorted(found.items()))


def described(path: str, words: str) -> dict[str, Any]:
    """A problem as a documented answer."""
    model = EnvelopedProblem if is_enveloped(path) else Problem
    schema = {"$ref": REF.format(model=model.__name__)}
    return {"description": words, "content": {ProblemResponse.media_type: {"schema": schema}}}
