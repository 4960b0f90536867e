"""A small S3: one bucket in memory, with signature checks and calls that fail on request."""

from __future__ import annotations

import hashlib
import hmac
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, quote, unquote, urlsplit
from uuid import uuid4

BUCKET = "shapla"
KEY, SECRET = "AKIATEST", "a secret of the tests"
REGION = "dhaka-1"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}
PAGE = 3
"""Number of names per page of a listing."""

CHANGED = "Tue, 24 Nov 2026 03:30:00 GMT"

CODES = {403: "AccessDenied", 404: "NoSuchBucket", 429: "TooManyRequests", 500: "InternalError", 503: "SlowDown"}
CUT, LOST, HANG = "cut", "lost", "hang"
"""Faults. CUT closes the connection before the call takes effect, LOST closes it afterwards. HANG responds after
HANG_S.
"""

HANG_S = 2.0


class S3Response(NamedTuple):
    status: int
    body: bytes = b""
    headers: dict[str, str] = {}


def refusal(status: int, code: str = "") -> S3Response:
    code = code or CODES[status]
    return S3Response(status, f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode())


class S3Server:
    """An S3 server.

    `objects` maps keys to contents. `fault` receives the number of each call, from 1, and returns a status, one of the
    faults above, or None. `calls` lists the calls, such as "PUT part".
    """

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.uploads: dict[str, dict[int, bytes]] = {}
        self.calls: list[str] = []
        self.fault: Callable[[int], int | str | None] = lambda number: None
        self._released = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def url(self, path: str = "", bucket: str = BUCKET) -> str:
        return f"s3://{bucket}/{path}?endpoint={self.endpoint}&region={REGION}"

    def fail(self, *faults: int | str | None) -> None:
        """Set the faults for the next calls, in order."""
        first = len(self.calls) + 1
        self.fault = lambda number: faults[number - first] if first <= number < first + len(faults) else None

    def reset(self) -> None:
        """Empty the bucket, and remove faults."""
        for collection in (self.objects, self.uploads, self.calls):
            collection.clear()
        self.fault = lambda number: None

    def close(self) -> None:
        self._released.set()
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                call = _S3Call(self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body)
                outer.calls.append(call.name)
                fault = outer.fault(len(outer.calls))
                if fault == HANG:
                    outer._released.wait(HANG_S)
                answer = outer._answer(call) if fault in (None, LOST) else S3Response(0)
                if isinstance(fault, str):
                    self.close_connection = True
                    return
                self.send(refusal(fault) if fault else answer)

            do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = answer  # noqa: N815  (names of the library)

            def send(self, answer: S3Response) -> None:
                self.send_response(answer.status)
                for name, value in {"Content-Length": str(len(answer.body)), **answer.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(answer.body)

            def log_message(self, *args: Any) -> None:
                pass

        return Handler

    def _answer(self, call: _S3Call) -> S3Response:
        if why := call.problem():
            return refusal(403, why)
        if call.bucket != BUCKET:
            return refusal(404)
        methods = {
            "GET list": self._list,
            "GET": self._get,
            "HEAD": self._get,
            "PUT": self._put,
            "DELETE": self._delete,
            "POST uploads": self._begin,
            "PUT part": self._put_part,
            "POST complete": self._complete,
            "DELETE upload": self._abort,
        }
        return methods[call.name](call)

    def _list(self, call: _S3Call) -> S3Response:
        prefix, start = call.query.get("prefix", ""), call.query.get("continuation-token", "")
        keys = [key for key in sorted(self.objects) if key.startswith(prefix) and key > start]
        here = [key for key in keys if "/" not in key[len(prefix) :]][:PAGE]
        rest = bool(here) and any("/" not in key[len(prefix) :] for key in keys if key > here[-1])
        rows = "".join(
            f"<Contents><Key>{key}</Key><Size>{len(self.objects[key])}</Size><ETag>e</ETag>"
            "<LastModified>2026-11-24T03:30:00.000Z</LastModified></Contents>"
            for key in here
        )
        more = f"<NextContinuationToken>{here[-1]}</NextContinuationToken>" if rest else ""
        page = f"<IsTruncated>{str(rest).lower()}</IsTruncated><KeyCount>{len(here)}</KeyCount>{more}"
        return S3Response(200, f"<ListBucketResult>{page}{rows}</ListBucketResult>".encode())

    def _get(self, call: _S3Call) -> S3Response:
        if call.key not in self.objects:
            return refusal(404, "NoSuchKey")
        body, about = self.objects[call.key], {"ETag": '"e"', "Last-Modified": CHANGED}
        if call.method == "HEAD":
            return S3Response(200, b"", {**about, "Content-Length": str(len(body))})
        byte_range = call.headers.get("range", "").removeprefix("bytes=")
        if not byte_range:
            return S3Response(200, body, about)
        first, _, last = byte_range.partition("-")
        piece = body[int(first) : int(last) + 1]
        return S3Response(206, piece, {**about, "Content-Range": f"bytes {first}-{last}/{len(body)}"})

    def _put(self, call: _S3Call) -> S3Response:
        self.objects[call.key] = call.body
        return S3Response(200, b"", {"ETag": '"e"'})

    def _delete(self, call: _S3Call) -> S3Response:
        self.objects.pop(call.key, None)
        return S3Response(204)

    def _begin(self, call: _S3Call) -> S3Response:
        name = uuid4().hex
        self.uploads[name] = {}
        body = f"<InitiateMultipartUploadResult><UploadId>{name}</UploadId></InitiateMultipartUploadResult>"
        return S3Response(200, body.encode())

    def _put_part(self, call: _S3Call) -> S3Response:
        if call.query["uploadId"] not in self.uploads:
            return refusal(404, "NoSuchUpload")
        self.uploads[call.query["uploadId"]][int(call.query["partNumber"])] = call.body
        return S3Response(200, b"", {"ETag": '"e"'})

    def _complete(self, call: _S3Call) -> S3Response:
        parts = self.uploads.pop(call.query["uploadId"], None)
        if parts is None:
            return refusal(404, "NoSuchUpload")
        self.objects[call.key] = b"".join(parts[number] for number in sorted(parts))
        return S3Response(200, b'<CompleteMultipartUploadResult><ETag>"e"</ETag></CompleteMultipartUploadResult>')

    def _abort(self, call: _S3Call) -> S3Response:
        self.uploads.pop(call.query["uploadId"], None)
        return S3Response(204)


class _S3Call:
    def __init__(self, method: str, target: str, headers: dict[str, str], body: bytes) -> None:
        self.method, self.headers, self.body = method, headers, body
        parts = urlsplit(target)
        self._path = parts.path
        self.query = dict(parse_qsl(parts.query, keep_blank_values=True))
        _, self.bucket, *rest = unquote(parts.path).split("/", 2)
        self.key = rest[0] if rest else ""

    @property
    def name(self) -> str:
        if self.method == "GET" and not self.key:
            return "GET list"
        if "partNumber" in self.query:
            return "PUT part"
        if "uploadId" in self.query:
            return {"POST": "POST complete", "DELETE": "DELETE upload"}[self.method]
        return "POST uploads" if "uploads" in self.query else self.method

    def problem(self) -> str:
        """The error code if the call lacks a valid Signature Version 4 with our key, else ""."""
        given = dict(
            part.strip().partition("=")[::2]
            for part in self.headers.get("authorization", "").partition(" ")[2].split(",")
        )
        key, _, scope = given.get("Credential", "").partition("/")
        if key != KEY:
            return "InvalidAccessKeyId"
        payload = self.headers["x-amz-content-sha256"]
        if payload not in ("UNSIGNED-PAYLOAD", hashlib.sha256(self.body).hexdigest()):
            return "XAmzContentSHA256Mismatch"
        return (
            ""
            if self._signature(scope, given["SignedHeaders"], payload) == given["Signature"]
            else "SignatureDoesNotMatch"
        )

    def _signature(self, scope: str, names: str, payload: str) -> str:
        query = "&".join(f"{quote(k, '-_.~')}={quote(v, '-_.~')}" for k, v in sorted(self.query.items()))
        headers = "".join(f"{name}:{self.headers[name].strip()}\n" for name in names.split(";"))
        request = "\n".join([self.method, self._path, query, headers, names, payload])
        hashed = hashlib.sha256(request.encode()).hexdigest()
        signed = "\n".join(["AWS4-HMAC-SHA256", self.headers["x-amz-date"], scope, hashed])
        key = f"AWS4{SECRET}".encode()
        for word in scope.split("/"):
            key = hmac.digest(key, word.encode(), "sha256")
        return hmac.digest(key, signed.encode(), "sha256").hex()
