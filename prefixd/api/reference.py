"""The API reference page at /docs: the OpenAPI document as plain HTML, from our own process.

No script, no style from elsewhere: it works in an air-gapped network and under the strictest
content policy.
"""

import html
from collections.abc import Sequence

from prefixd.api.problem import CODES
from prefixd.api.reply import Reply
from prefixd.api.route import Call, NoQuery, Route, documented_codes, plain_path

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "code{background:#f2f2f2;padding:.1em .3em}table{border-collapse:collapse;width:100%}"
    "td,th{text-align:left;padding:.3em .6em;border-bottom:1px solid #ddd;vertical-align:top}"
    ".m{font-weight:600}@media(prefers-color-scheme:dark){body{background:#111;color:#ddd}"
    "code{background:#222}td,th{border-color:#333}a{color:#8bf}}"
)


def reference_route(routes: Sequence[Route]) -> Route:
    page: list[bytes] = []

    async def show(_call: Call[None, NoQuery]) -> Reply:
        if not page:
            page.append(render_reference(routes).encode())
        return Reply(
            page[0],
            content_type="text/html",
            headers={"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"},
        )

    return Route(
        method="GET", path="/docs", handle=show, summary="This page", tag="meta", permission=None,
        limited=False, replies={200: str}, content_type="text/html",
    )  # fmt: skip


async def to_reference(_call: Call[None, NoQuery]) -> Reply:
    return Reply(status=302, headers={"Location": "/docs"})


FRONT_PAGE = Route(
    method="GET", path="/", handle=to_reference, summary="To the API reference", tag="meta",
    permission=None, limited=False, replies={302: None},
)  # fmt: skip


def render_reference(routes: Sequence[Route]) -> str:
    tags = list(dict.fromkeys(route.tag for route in routes))
    sections = "".join(_section(tag, [r for r in routes if r.tag == tag]) for tag in tags)
    codes = "".join(
        f"<tr><td><code>{code}</code></td><td>{status}</td><td>{html.escape(text)}</td></tr>"
        for code, (status, text) in CODES.items()
    )
    links = " · ".join(f'<a href="#{_anchor(tag)}">{html.escape(tag)}</a>' for tag in tags)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>prefixd API</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head><body>'
        '<h1>prefixd API</h1><p>For machines: <a href="/openapi.json">/openapi.json</a>.</p>'
        f"<p>{links} · <a href='#errors'>errors</a></p>{sections}"
        f'<h2 id="errors">Errors</h2><table><tr><th>code</th><th>status</th><th>when</th></tr>'
        f"{codes}</table></body></html>"
    )


def _section(tag: str, routes: Sequence[Route]) -> str:
    rows = "".join(_row(route) for route in routes)
    head = "<tr><th>method</th><th>path</th><th>what</th><th>needs</th><th>errors</th></tr>"
    return f'<h2 id="{_anchor(tag)}">{html.escape(tag)}</h2><table>{head}{rows}</table>'


def _row(route: Route) -> str:
    needs = route.permission or ("a session" if route.signed_in else "nothing")
    text = html.escape(f"{route.summary}. {route.description}".strip())
    codes = " ".join(f"<code>{code}</code>" for code in documented_codes(route))
    path = html.escape(plain_path(route.path))
    return (
        f'<tr><td class="m">{route.method}</td><td><code>{path}</code></td>'
        f"<td>{text}</td><td>{needs}</td><td>{codes}</td></tr>"
    )


def _anchor(tag: str) -> str:
    return tag.replace(" ", "-")
