"""REDIS_URL: where Redis is, of which there are three kinds."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit


class RedisKind(Enum):
    SERVER = ""
    SENTINEL = "sentinel"
    CLUSTER = "cluster"


SCHEMES = {
    **dict.fromkeys(("redis", "rediss", "unix"), RedisKind.SERVER),
    **dict.fromkeys(("redis+sentinel", "rediss+sentinel"), RedisKind.SENTINEL),
    **dict.fromkeys(("redis+cluster", "rediss+cluster"), RedisKind.CLUSTER),
}
DEFAULT_PORTS = {RedisKind.SENTINEL: 26379, RedisKind.CLUSTER: 6379}
SENTINEL_OPTIONS = {"sentinel_username": "username", "sentinel_password": "password"}

BAD_SCHEME = (
    "does not begin with redis://, rediss://, unix://, redis+sentinel://, rediss+sentinel://, redis+cluster:// or "
    "rediss+cluster://; copy it from your host"
)
EXAMPLES = {
    RedisKind.SERVER: "redis://user:password@host:6379/0",
    RedisKind.SENTINEL: "redis+sentinel://user:password@host:26379,host:26379/mymaster/0",
    RedisKind.CLUSTER: "redis+cluster://user:password@host:6379,host:6379",
}
UNREADABLE = "cannot be read: write it as {}, and in the password %2F for /, %3F for ?, %23 for # and %25 for %"


class RedisAddress(NamedTuple):
    kind: RedisKind
    urls: tuple[str, ...]
    """As redis-py reads them: of the server, of each named node of a cluster, or with the host of each Sentinel and
    the credentials of Redis."""
    service: str = ""
    """The name by which Sentinels know the master."""
    sentinel_options: dict[str, str] = {}
    """The credentials of the Sentinels themselves."""


def parse(url: str) -> RedisAddress:
    """Raises ValueError, which says what should be written and never shows the URL."""
    scheme, _, rest = url.partition("://")
    kind = SCHEMES.get(scheme)
    if kind is None:
        raise ValueError(BAD_SCHEME)
    try:
        address = RedisAddress(kind, (url,)) if kind is RedisKind.SERVER else _of_several(kind, scheme, rest)
        if all(map(_is_readable, address.urls)):
            return address
    except ValueError:
        pass
    raise ValueError(UNREADABLE.format(EXAMPLES[kind]))


def problem(url: str) -> str:
    """What is wrong with the URL, without its contents; "" if it can be read."""
    try:
        parse(url)
    except ValueError as error:
        return str(error)
    return ""


def _of_several(kind: RedisKind, scheme: str, rest: str) -> RedisAddress:
    place, _, query = rest.partition("?")
    netloc, _, path = place.partition("/")
    user, at, hosts = netloc.rpartition("@")
    service, number = "", path
    if kind is RedisKind.SENTINEL:
        service, _, number = path.partition("/")
    if (kind is RedisKind.SENTINEL) != bool(service) or (kind is RedisKind.CLUSTER and number.strip("/0")):
        raise ValueError("a service, or a database, is missing or too much")
    options = dict(parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query)))
    sentinel_options = {name: options.pop(key) for key, name in SENTINEL_OPTIONS.items() if key in options}
    if sentinel_options and kind is not RedisKind.SENTINEL:
        raise ValueError("there are no Sentinels")
    tail = f"/{number.strip('/')}" + (f"?{urlencode(options)}" if options else "")
    base = scheme.partition("+")[0]
    urls = tuple(f"{base}://{user}{at}{_with_port(host, DEFAULT_PORTS[kind])}{tail}" for host in hosts.split(","))
    return RedisAddress(kind, urls, unquote(service), sentinel_options)


def _with_port(host: str, default: int) -> str:
    """Raises ValueError for a port that is no number."""
    parts = urlsplit(f"//{host}")
    if not parts.hostname:
        raise ValueError("a host is missing")
    return host if parts.port is not None else f"{host}:{default}"


def _is_readable(url: str) -> bool:
    """Whether Redis's own client can parse the URL, without taking part of a password for the host. Connects to
    nothing. Raises ValueError."""
    import redis  # late: many servers run without Redis

    try:
        redis.ConnectionPool.from_url(url).make_connection()
    except (TypeError, redis.RedisError):
        return False
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return bool(parts.path)
    number = parts.path.strip("/")
    return bool(parts.hostname) and not parts.fragment and (not number or number.isdecimal())
