"""The way of a small request past the slower parts of aiohttp.

What it buys, in processor time of the server per request (bench/face.py, aiohttp 3.14, uvloop):

    POST /v1/events without `DirectRoutes`   158 -> 193 us   (+22 %)
    POST /v1/events without `RawResponse`    158 -> 190 us   (+20 %)
    GET /v1/health without `DirectRoutes`     67 ->  79 us   (+18 %)
    GET /v1/health without `RawResponse`      67 ->  89 us   (+32 %)

What it depends on in aiohttp: the server calls `Server.request_handler` with each request and
reads it when a connection opens; it ends a request with `prepare(request)`, then `write_eof()`, and
keeps the connection when the response's `keep_alive` is true. All of these are public names.
`tests/unit/api/fast/` fails when one of them changes its meaning. Without this package the rest of
the API works as before: return `web.Response` and leave out `DirectRoutes.before`.
"""
