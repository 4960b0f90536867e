"""Checks BACKUP_DIR and BACKUP_TO: their form, and whether backups can be made, before a server starts."""

import re
import tempfile
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from koyjabo.base.core.i18n import N_, Filled
from . import url_options

SCHEME = "s3"
INSTALL = "pip install 'koyjabo[s3]'"
"""The command that installs what S3 needs."""

CREDENTIALS = {
    *("AWS_ACCESS_KEY_ID", "AWS_SKIP_SIGNATURE", "AWS_WEB_IDENTITY_TOKEN_FILE"),
    *("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"),
}
"""Environment variables that can provide credentials."""

BUCKET = re.compile(r"[a-z0-9][a-z0-9.\-]{1,61}[a-z0-9]", re.ASCII)
OPTIONS = {"endpoint", "region"}
EXAMPLE = N_("should look like s3://bucket/prefix?endpoint=https://s3.example.com&region=eu-1")


class S3Url(NamedTuple):
    """A location in a bucket."""

    bucket: str
    path: str  # the prefix or an object's key, without a leading slash; "" for the whole bucket
    endpoint: str  # without a trailing slash; "" for AWS
    region: str  # "" for the credentials' default


def s3_url(value: str) -> S3Url:
    """Parse a URL. Raises ValueError."""
    try:
        return _parsed(value)
    except ValueError:
        raise ValueError(EXAMPLE) from None


def _parsed(value: str) -> S3Url:
    """Parse a URL. Raises ValueError for any invalid URL."""
    parts = urlsplit(value)
    options = url_options.parse(parts.query)
    endpoint, path = urlsplit(options.get("endpoint", "https://")), parts.path.removeprefix("/")
    if (
        parts.scheme != SCHEME
        or not BUCKET.fullmatch(parts.netloc)
        or not value.isprintable()
        or parts.fragment
        or not options.keys() <= OPTIONS
        or endpoint.scheme not in ("http", "https")
        or ("endpoint" in options and not endpoint.hostname)
        or endpoint.username is not None
        or endpoint.port == 0  # raises ValueError if it is not a number
        or endpoint.query
        or endpoint.fragment
        or not _is_key(path)
    ):
        raise ValueError
    return S3Url(parts.netloc, path, options.get("endpoint", "").rstrip("/"), options.get("region", ""))


def _is_key(path: str) -> bool:
    """Whether a path is valid as a prefix or key. Empty and relative parts are invalid, because programs treat them
    differently.
    """
    return not path or not {"", ".", ".."} & set(path.removesuffix("/").split("/"))


def lacks_credentials(url: S3Url, environment: Mapping[str, str]) -> bool:
    """Whether no credentials are available. On AWS machines, the library gets them from an AWS address."""
    return bool(url.endpoint) and not CREDENTIALS & {name for name, value in environment.items() if value}


def bucket(value: str) -> str:
    s3_url(value)
    return value


def problem(folder: str, to: str, environment: Mapping[str, str]) -> str | None:
    """A sentence about BACKUP_DIR (`folder`) or BACKUP_TO (`to`) if one is unusable, otherwise None. Creates a missing
    folder.
    """
    if folder and (why := _unusable(Path(folder))):
        return why
    if to and find_spec("obstore") is None:
        return Filled(N_("BACKUP_TO needs a package that is not installed: %(command)s."), command=INSTALL)
    if to and lacks_credentials(s3_url(to), environment):
        return N_("BACKUP_TO has no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment.")
    return None


def _unusable(folder: Path) -> str | None:
    """A sentence that says why no file can be written to the folder; None if files can be written."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return None
    except OSError as error:
        template = N_(
            "BACKUP_DIR is '%(folder)s', which is not writable (%(reason)s): give the user that runs the server write "
            "access, or choose another folder."
        )
        return Filled(template, folder=folder, reason=error.strerror)
