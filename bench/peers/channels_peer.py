"""Django Channels with channels_redis, for Daphne: `daphne channels_peer:application`. REDIS_URL names its Redis."""

from __future__ import annotations

import os
import time

import django
from django.conf import settings

# redis-py 8 gives up after 5 s, which is just as long as the layer waits for a message (channels_redis, issue 422).
REDIS = {"address": os.environ["REDIS_URL"], "socket_timeout": None}
LAYER = {"BACKEND": "channels_redis.core.RedisChannelLayer", "CONFIG": {"hosts": [REDIS]}}

settings.configure(
    DEBUG=False,
    SECRET_KEY="benchmarks-sign-nothing-that-matters",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=["channels"],
    CHANNEL_LAYERS={"default": LAYER},
)
django.setup()

from channels.generic.websocket import AsyncWebsocketConsumer  # noqa: E402
from channels.layers import get_channel_layer  # noqa: E402
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from django.core.asgi import get_asgi_application  # noqa: E402
from django.http import HttpResponse  # noqa: E402
from django.urls import path  # noqa: E402
from update import next_text  # noqa: E402

GROUP = "stats"


class VisitorConsumer(AsyncWebsocketConsumer):
    async def connect(self) -> None:
        await self.channel_layer.group_add(GROUP, self.channel_name)
        await self.accept()

    async def disconnect(self, code: int) -> None:
        await self.channel_layer.group_discard(GROUP, self.channel_name)

    async def visitor_update(self, event: dict) -> None:
        await self.send(text_data=event["text"])


async def emit(request) -> HttpResponse:
    t0 = time.monotonic_ns()
    for _ in range(int(request.GET["n"])):
        await get_channel_layer().group_send(GROUP, {"type": "visitor.update", "text": next_text()})
    return HttpResponse(f"t0={t0};")


urlpatterns = [path("emit", emit)]
application = ProtocolTypeRouter(
    {"http": get_asgi_application(), "websocket": URLRouter([path("ws/", VisitorConsumer.as_asgi())])}
)
