"""REDIS_URL: a Redis server, or a master found through Sentinels."""

from typing import NamedTuple
from urllib.parse import quote, unquote, urlencode, urlsplit

from . import url_options

SERVER_SCHEMES = ("redis", "rediss", "unix")
SENTINEL_SCHEMES = ("redis+sentinel", "rediss+sentinel")
CLUSTER_SCHEMES = ("redis+cluster", "rediss+cluster")
SENTINEL_PORT = 26379
FILES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
SYSTEM_STORE = "ssl_ca_certs=system"
"""The option for the certificate authorities of this machine, which redis-py uses without any option."""

SENTINEL_OPTIONS = {"sentinel_username": "username", "sentinel_password": "password"}

NO_CLUSTER = "REDIS_URL: Redis Cluster is not supported. Use a single Redis server, or Sentinel."
BAD_SCHEME = (
    "REDIS_URL does not begin with redis://, rediss://, unix://, redis+sentinel:// or rediss+sentinel://; copy it from "
    "your hosting provider."
)
UNREADABLE_URL = (
    "REDIS_URL cannot be read: write it as {}, with %2F for / in the password, %3F for ?, %23 for # and %25 for %."
)
EXAMPLES = {
    "": "redis://user:password@host:6379/0",
    "unix": "unix:///run/redis.sock?db=0",
    "+sentinel": "redis+sentinel://user:password@host:26379,host:26379/mymaster/0",
}
"""What to write, by the end of the scheme."""


class RedisAddress(NamedTuple):
    urls: tuple[str, ...]
    """URLs for redis-py: the server's URL, or one URL per Sentinel with its host and the credentials for Redis."""
    service: str = ""
    """The Sentinels' name for the master; "" for a single server."""
    sentinel_options: dict[str, str] = {}
    """The credentials for the Sentinels themselves."""


def parse(url: str) -> RedisAddress:
    """Parse a URL. Raises ValueError with a message that says what to write, and never contains the URL."""
    scheme = url.partition("://")[0]
    if scheme in CLUSTER_SCHEMES:
        raise ValueError(NO_CLUSTER)
    if scheme not in (*SERVER_SCHEMES, *SENTINEL_SCHEMES):
        raise ValueError(BAD_SCHEME)
    address = _address(scheme, url)
    if address is None:
        raise ValueError(UNREADABLE_URL.format(EXAMPLES[scheme.removeprefix("rediss").removeprefix("redis")]))
    for name, file in url_options.parse(urlsplit(address.urls[0]).query).items():
        if name in FILES:
            _require_file(name, file)
    return address


def _address(scheme: str, url: str) -> RedisAddress | None:
    """The address, or None if redis-py would not read it as it was meant."""
    try:
        base, _, query = url.partition("?")
        options = "&".join(option for option in query.split("&") if option != SYSTEM_STORE)
        url = f"{base}?{options}" if options else base
        address = _of_sentinels(scheme, url.partition("://")[2]) if scheme in SENTINEL_SCHEMES else RedisAddress((url,))
        return address if all(map(_is_readable, address.urls)) else None
    except ValueError:
        return None


def _require_file(name: str, file: str) -> None:
    try:
        open(file, "rb").close()
    except OSError as error:
        raise ValueError(f"REDIS_URL: the file of {name} cannot be read: {error.strerror}.") from None


def problem(url: str) -> str:
    """What is wrong with the URL, without quoting it; "" if nothing is."""
    try:
        parse(url)
    except ValueError as error:
        return str(error)
    return ""


def _of_sentinels(scheme: str, rest: str) -> RedisAddress:
    place, _, query = rest.partition("?")
    netloc, _, path = place.partition("/")
    user, at, hosts = netloc.rpartition("@")
    service, _, number = path.partition("/")
    if not service:
        raise ValueError("the service is missing")
    options = url_options.parse(query)
    sentinel_options = {name: options.pop(key) for key, name in SENTINEL_OPTIONS.items() if key in options}
    tail = f"/{number.strip('/')}" + (f"?{urlencode(options, quote_via=quote)}" if options else "")
    base = scheme.partition("+")[0]
    urls = tuple(f"{base}://{user}{at}{_with_port(host)}{tail}" for host in hosts.split(","))
    return RedisAddress(urls, unquote(service), sentinel_options)


def _with_port(host: str) -> str:
    """The host with its port. Raises ValueError for a port that is not a number."""
    parts = urlsplit(f"//{host}")
    if not parts.hostname:
        raise ValueError("a host is missing")
    return host if parts.port is not None else f"{host}:{SENTINEL_PORT}"


def _is_readable(url: str) -> bool:
    """Whether redis-py parses the URL without mistaking part of a password for the host. Does not connect. Raises
    ValueError.
    """
    import redis  # late: many servers run without Redis

    try:
        redis.ConnectionPool.from_url(url).make_connection()
    except (TypeError, redis.RedisError):
        return False
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return bool(parts.path) and not parts.hostname and not parts.fragment
    number, options = parts.path.strip("/"), url_options.parse(parts.query)
    is_number = number.isdecimal() and "db" not in options
    return bool(parts.hostname) and not parts.fragment and (not number or is_number)
