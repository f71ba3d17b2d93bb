"""The OpenAPI document, built from the route table and the types it names.

Nothing is written by hand, so nothing can be forgotten: a route that is not in the table does not
exist, and a status that the document does not name makes tests fail (`endpoint.py`, strict).
"""

import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import msgspec

from prefixd import __version__
from prefixd.api.idempotency import HEADER, LONGEST
from prefixd.api.problem import CODES, ErrorBody
from prefixd.api.reply import Reply
from prefixd.api.route import (
    PARAMETER,
    Call,
    NoQuery,
    Route,
    documented_codes,
    plain_path,
    takes_key,
)

NOT_MODIFIED = HTTPStatus.NOT_MODIFIED
_REF = "#/components/schemas/{name}"


def build_document(routes: Sequence[Route]) -> dict[str, Any]:
    types = [type_ for route in routes for type_ in _types_of(route)]
    _, components = msgspec.json.schema_components([ErrorBody, *types], ref_template=_REF)
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        path = plain_path(route.path)
        paths.setdefault(path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "prefixd API",
            "version": __version__,
            "description": "Detector events in, BGP FlowSpec rules out. Errors share one shape.",
            "license": {"name": "MIT"},
        },
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "session": {"type": "apiKey", "in": "cookie", "name": "id"},
            },
        },
    }


def document_route(routes: Sequence[Route]) -> Route:
    """GET /openapi.json, which also describes itself."""
    encoded: list[bytes] = []

    async def show(_call: Call[None, NoQuery]) -> Reply:
        if not encoded:
            encoded.append(msgspec.json.encode(build_document([*routes, route])))
        return Reply(encoded[0])

    route = Route(
        method="GET",
        path="/openapi.json",
        handle=show,
        summary="This document",
        tag="meta",
        permission=None,
        limited=False,
        replies={200: dict[str, Any]},
    )
    return route


def _operation(route: Route) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": _operation_id(route),
        "summary": route.summary,
        "tags": [route.tag],
        "parameters": [
            *_path_parameters(route),
            *_query_parameters(route),
            *_header_parameters(route),
        ],
        "responses": _responses(route),
        "security": _security(route),
    }
    description = route.description
    if route.permission is not None:
        description = f"{description} Needs the permission `{route.permission}`.".strip()
    if description:
        operation["description"] = description
    if route.body is not None:
        schema = {} if route.body is bytes else _schema(route.body)
        operation["requestBody"] = {
            "required": route.body_required,
            "content": {"application/json": {"schema": schema}},
        }
    return operation


def _responses(route: Route) -> dict[str, Any]:
    responses: dict[str, Any] = {}
    for status, type_ in sorted(route.replies.items()):
        entry: dict[str, Any] = {"description": HTTPStatus(status).phrase}
        if type_ is not None:
            schema = {"type": "string"} if type_ is str else _schema(type_)
            entry["content"] = {route.content_type: {"schema": schema}}
        responses[str(status)] = entry
    by_status: dict[int, list[str]] = {}
    for code in documented_codes(route):
        by_status.setdefault(CODES[code][0], []).append(code)
    for status, codes in sorted(by_status.items()):
        text = "; ".join(f"`{code}`: {CODES[code][1]}" for code in codes)
        responses.setdefault(
            str(status),
            {
                "description": text,
                "content": {"application/json": {"schema": _schema(ErrorBody)}},
            },
        )
    return responses


def _security(route: Route) -> list[dict[str, list[str]]]:
    if route.permission is None and not route.signed_in:
        return []
    return [{"bearer": []}, {"session": []}]


def _path_parameters(route: Route) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in PARAMETER.findall(route.path)
    ]


def _query_parameters(route: Route) -> list[dict[str, Any]]:
    if route.query is NoQuery:
        return []
    schema = msgspec.json.schema(route.query)
    definition = next(iter(schema.get("$defs", {}).values()), schema)
    required = set(definition.get("required", ()))
    return [
        {"name": name, "in": "query", "required": name in required, "schema": _not_null(shape)}
        for name, shape in definition.get("properties", {}).items()
    ]


def _header_parameters(route: Route) -> list[dict[str, Any]]:
    """Headers that change what is done; none is required."""
    wanted: list[tuple[str, str]] = []
    if takes_key(route):
        wanted.append((HEADER, "Send the same request again without doing it twice."))
    if "stale_version" in route.errors:
        wanted.append(("If-Match", "The ETag that was read: refuse when it changed since."))
    if NOT_MODIFIED in route.replies:
        wanted.append(("If-None-Match", "The ETag you have: answer 304 when it is still true."))
    return [
        {
            "name": name, "in": "header", "required": False, "description": text,
            "schema": {"type": "string", "minLength": 1, "maxLength": LONGEST},
        }
        for name, text in wanted
    ]  # fmt: skip


def _not_null(shape: dict[str, Any]) -> dict[str, Any]:
    """A query parameter is present or absent, never null."""
    choices = [choice for choice in shape.get("anyOf", ()) if choice != {"type": "null"}]
    if "anyOf" not in shape:
        return shape
    kept = {key: value for key, value in shape.items() if key not in {"anyOf", "default"}}
    return {**kept, **choices[0]} if len(choices) == 1 else {**kept, "anyOf": choices}


def _types_of(route: Route) -> list[Any]:
    candidates = [route.body, *route.replies.values()]
    flat = [each for entry in candidates for each in _alternatives(entry)]
    return [type_ for type_ in flat if type_ not in {None, bytes, str}]


def _alternatives(entry: Any) -> tuple[Any, ...]:
    """A tuple of types: any of them."""
    return entry if isinstance(entry, tuple) else (entry,)


def _schema(entry: Any) -> dict[str, Any]:
    types = _alternatives(entry)
    schemas, _ = msgspec.json.schema_components(types, ref_template=_REF)
    return schemas[0] if len(schemas) == 1 else {"anyOf": list(schemas)}


def _operation_id(route: Route) -> str:
    words = re.sub(r"[^a-zA-Z0-9]+", " ", PARAMETER.sub(r"by \1", route.path)).split()
    return "_".join([route.method.lower(), *words])
