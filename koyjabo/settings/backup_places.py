"""Where backups are sent: the values of BACKUP_DIR, BACKUP_TO and BACKUP_COMMAND. Each check returns the value to use,
and raises ValueError with a description of valid values.
"""

from __future__ import annotations

import re
import shlex
from typing import NamedTuple
from urllib.parse import parse_qsl, urlsplit

SCHEME = "s3"
BUCKET = re.compile(r"[a-z0-9][a-z0-9.\-]{1,61}[a-z0-9]", re.ASCII)
OPTIONS = {"endpoint", "region"}
EXAMPLE = "should be such as s3://bucket/prefix?endpoint=https://s3.example.com&region=eu-1"


class S3Url(NamedTuple):
    """A place in a bucket."""

    bucket: str
    path: str  # of the prefix or of one object, without a slash at its beginning; "" for the whole bucket
    endpoint: str  # "" for AWS
    region: str  # "" for the default of the credentials


def s3_url(value: str) -> S3Url:
    """Raises ValueError."""
    parts = urlsplit(value)
    options = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=True)) if parts.query else {}
    endpoint = urlsplit(options.get("endpoint", "https://"))
    if (
        parts.scheme != SCHEME
        or not BUCKET.fullmatch(parts.netloc)
        or parts.fragment
        or not options.keys() <= OPTIONS
        or endpoint.scheme not in ("http", "https")
        or ("endpoint" in options and not endpoint.hostname)
    ):
        raise ValueError(EXAMPLE)
    return S3Url(parts.netloc, parts.path.lstrip("/"), options.get("endpoint", ""), options.get("region", ""))


def bucket(value: str) -> str:
    try:
        s3_url(value)
    except ValueError:
        raise ValueError(EXAMPLE) from None
    return value


def command(value: str) -> str:
    try:
        words = shlex.split(value)
    except ValueError:
        words = []
    if not words:
        raise ValueError("should be a program with its arguments, quoted as in a shell")
    return value
