"""POST /api/visitor/register with Django and PostgreSQL (visits.sql), as a WSGI application. Setting: DATABASE_URL."""

from __future__ import annotations

import json
import os
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from django.conf import settings

database = urlsplit(os.environ["DATABASE_URL"])
settings.configure(
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "HOST": parse_qs(database.query)["host"][0],
            "USER": database.username,
            "NAME": database.path[1:],
            "CONN_MAX_AGE": None,
        }
    },
)

from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.db import connection  # noqa: E402
from django.http import HttpRequest, JsonResponse  # noqa: E402
from django.urls import path  # noqa: E402

CONSTANTS = Path(__file__).resolve().parents[1] / "servers" / "constant.json"
ANSWER = json.loads(CONSTANTS.read_text())["/api/visitor/register"]
FIELDS = ("visitorId", "visitId", "timestamp", "referrer", "userAgent", "page")


def register(request: HttpRequest) -> JsonResponse:
    body = json.loads(request.body)
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM register_visit(%s, %s, %s, %s, %s, %s)", [body[field] for field in FIELDS])
        ordinal, duplicate, total, today, visitors, revision = cursor.fetchone()
    counts = {"totalVisitors": total, "totalVisits": total, "todayVisits": today, "uniqueVisitors": visitors}
    stats = {**ANSWER["stats"], **counts, "revision": revision}
    return JsonResponse({"success": True, "visit": {"ordinal": ordinal, "duplicate": duplicate}, "stats": stats})


urlpatterns = [path("api/visitor/register", register)]
application = get_wsgi_application()
