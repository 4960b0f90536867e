"""Stores backups under a bucket prefix, using the S3 protocol (decision 97).

Only commands and child processes import this module. Workers never do, because it loads obstore, whose calls block.
"""

import asyncio
import os
import re
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, ParamSpec, TypeVar

import obstore
from obstore.exceptions import BaseError, GenericError
from obstore.store import S3Store

from koyjabo.base.core.runtime import Advance
from koyjabo.base.settings.backup_stores import S3Url, lacks_credentials
from .stores import NAME, BackupStoreError, pieces, written

if TYPE_CHECKING:
    from obstore.store import S3Config

P = ParamSpec("P")
T = TypeVar("T")

MIN_PART_BYTES = 5 << 20
"""Minimum size of all parts except the last, bytes. Parts are not much larger, so that slow connections can send one in
time.
"""

MAX_PARTS = 9_000
"""Maximum number of parts. S3's limit is 10,000."""

METADATA_SERVICE = "169.254.169.254"
"""Address where obstore requests credentials if the environment has none."""

MAX_RETRIES = 1_000
"""Maximum number of retries: more than fit into the time limit."""

NO_RESPONSE = "error sending request"
REASONS = {
    "InvalidCertificate": ": its certificate is not trusted; SSL_CERT_FILE can name a certificate authority",
    "dns error": ": its name does not resolve",
    "ConnectionRefused": ": it refuses connections",
    "TimedOut": ": it does not respond",
}
"""Explanations for users, by words in the library's messages, which are written for programmers."""

MAX_CHARACTERS = 300

NO_CREDENTIALS = "There are no credentials for {}: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."

RESPONSE = re.compile(r"status code: (\d{3})(?:.*?<Code>(\w{1,64})</Code>)?", re.DOTALL)
"""Extracts status and code from the library's message about a failed listing, because its error class is too general.
"""

UPLOAD_IS_OVER = "NoSuchUpload"
"""The error code of an unknown upload. It also occurs after an upload was completed but the response was lost."""

WRONG_REGION = {"PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"}


class StoreFailure(NamedTuple):
    """An error from the library, parsed from its message."""

    status: int  # the server's response status; 0 without a response
    code: str  # the S3 error code, such as NoSuchBucket, or ""
    text: str  # without the part for programmers

    @classmethod
    def of(cls, error: Exception) -> "StoreFailure":
        text = str(error).partition("\n\nDebug source")[0].removeprefix("Generic S3 error: ")
        match = RESPONSE.search(text)
        return cls(int(match[1]), match[2] or "", text) if match else cls(0, "", text)


class CallLimits(NamedTuple):
    """How long a call may take, and how long it is retried, s."""

    call_s: float
    again_s: float


REQUEST = CallLimits(20, 40)
TRANSFER = CallLimits(60, 60)
"""Limits for one part of a file, which has to be sent over a slow connection within one call."""


class BucketStore:
    """BackupStore under a prefix. Temporary errors are retried for a minute; 401, 403 and 404 are not."""

    def __init__(self, url: S3Url, request: CallLimits = REQUEST, transfer: CallLimits = TRANSFER) -> None:
        self._url = url
        self._prefix = f"{url.path.rstrip('/')}/" if url.path else ""
        self._requests, self._transfers = _store(url, request), _store(url, transfer)
        self._again_s = request.again_s

    def names(self) -> list[str]:
        with self._translated_errors("list the backups in"):
            objects = _run(obstore.list_with_delimiter_async, self._requests, self._prefix or None)["objects"]
        names = [entry["path"].removeprefix(self._prefix) for entry in objects]
        return sorted(filter(NAME.fullmatch, names))

    def size(self, name: str) -> int:
        with self._translated_errors("read", name):
            return _run(obstore.head_async, self._requests, self._prefix + name)["size"]

    def put(self, path: Path, name: str, advance: Advance) -> None:
        with self._translated_errors("keep", name):
            size, key = path.stat().st_size, self._prefix + name
            if size <= MIN_PART_BYTES:
                _run(obstore.put_async, self._transfers, key, path.read_bytes(), use_multipart=False)
                advance(size)
                return
            part = max(MIN_PART_BYTES, size // MAX_PARTS)
            try:  # use the blocking call, because it aborts the upload if `advance` raises an error
                obstore.put(self._transfers, key, pieces(path, part, advance), chunk_size=part, max_concurrency=1)
            except FileNotFoundError as error:
                if StoreFailure.of(error).code != UPLOAD_IS_OVER or not self._has(name, size):
                    raise

    def fetch(self, name: str, path: Path, advance: Advance) -> None:
        size, done = self.size(name), 0
        with written(path) as file:
            while done < size:
                with self._translated_errors("read", name):
                    end = min(done + MIN_PART_BYTES, size)
                    piece = _run(obstore.get_range_async, self._transfers, self._prefix + name, start=done, end=end)
                file.write(piece)
                advance(len(piece))
                done = end

    def remove(self, name: str) -> None:
        """Remove a backup. Retries a removal that timed out, because the library does not."""
        begun = time.monotonic()
        with self._translated_errors("remove", name):
            while True:
                try:
                    return _run(obstore.delete_async, self._requests, self._prefix + name)
                except FileNotFoundError as error:
                    if StoreFailure.of(error).code == "NoSuchBucket":
                        raise
                    return None
                except GenericError as error:
                    if StoreFailure.of(error).status or time.monotonic() - begun > self._again_s:
                        raise

    def _has(self, name: str, size: int) -> bool:
        try:
            return self.size(name) == size
        except BackupStoreError:
            return False

    def _where(self, name: str = "") -> str:
        return f"s3://{self._url.bucket}/{self._prefix}{name}"

    @contextmanager
    def _translated_errors(self, doing: str, name: str = "") -> Iterator[None]:
        try:
            yield
        except (BaseError, FileNotFoundError, ValueError) as error:
            raise BackupStoreError(self._sentence(error, doing, self._where(name))) from None

    def _sentence(self, error: Exception, doing: str, where: str) -> str:
        status, code, text = StoreFailure.of(error)
        at, bucket = self._url.endpoint or "Amazon S3", self._url.bucket
        response = f"{status} {code}".rstrip()
        if METADATA_SERVICE in text:
            return NO_CREDENTIALS.format(self._where())
        if status in (401, 403):
            return (
                f"{at} refused to {doing} {where} ({response}). Check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and "
                "that this key may list, read, write and delete there."
            )
        if code in WRONG_REGION or "without LOCATION" in text:
            return f"The bucket {bucket} is in another region. Set region=… in the URL."
        if status == 404 and (code == "NoSuchBucket" or doing != "read"):
            return f"{at} has no bucket {bucket}. Create it, or correct the URL."
        if status == 404:
            return f"{where} does not exist. Check the bucket, prefix and name; a prefix ends with a slash."
        if status:
            return f"{at} failed to {doing} {where} ({response}). Try again later."
        if NO_RESPONSE not in text:
            return f"{at} failed to {doing} {where}: {text[:MAX_CHARACTERS]}."
        reason = next((reason for word, reason in REASONS.items() if word in str(error)), "")
        return f"{at} could not be reached to {doing} {where}{reason}. Check the endpoint and the network."


def _run(call: Callable[P, Awaitable[T]], *arguments: P.args, **options: P.kwargs) -> T:
    """Run one async call so that a signal can interrupt it. The library's blocking calls notice signals only when they
    return.
    """

    async def main() -> T:
        return await call(*arguments, **options)

    return asyncio.run(main())


def _store(url: S3Url, limits: CallLimits) -> S3Store:
    for name in [name for name, value in os.environ.items() if name.startswith("AWS_") and not value]:
        del os.environ[name]  # compose.yaml sets "" by default, which the library would use
    if lacks_credentials(url, os.environ):
        raise BackupStoreError(NO_CREDENTIALS.format(f"s3://{url.bucket}"))
    # Some servers do not support these features.
    config: S3Config = {"virtual_hosted_style_request": False, "disable_bulk_delete": True}
    if url.endpoint:
        config["endpoint"] = url.endpoint
    if url.region:
        config["region"] = url.region
    try:
        return S3Store(
            url.bucket,
            config=config,
            client_options={
                "allow_http": url.endpoint.startswith("http://"),
                "timeout": timedelta(seconds=limits.call_s),
            },
            retry_config={"max_retries": MAX_RETRIES, "retry_timeout": timedelta(seconds=limits.again_s)},
        )
    except (BaseError, ValueError) as error:
        raise BackupStoreError(f"s3://{url.bucket} cannot be used: {StoreFailure.of(error).text}.") from None
