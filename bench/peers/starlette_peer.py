"""Starlette (which is FastAPI's WebSocket) for uvicorn: a set of open sockets, and a loop that sends to each."""

from __future__ import annotations

import time

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket
from update import next_text

sockets: set[WebSocket] = set()


async def subscribe(socket: WebSocket) -> None:
    await socket.accept()
    sockets.add(socket)
    try:
        async for _ in socket.iter_text():
            pass
    finally:
        sockets.discard(socket)


async def emit(request: Request) -> PlainTextResponse:
    t0 = time.monotonic_ns()
    for _ in range(int(request.query_params["n"])):
        text = next_text()
        for socket in tuple(sockets):
            await socket.send_text(text)
    return PlainTextResponse(f"t0={t0};")


app = Starlette(routes=[Route("/emit", emit), WebSocketRoute("/", subscribe)])
