"""The codes of errors that come from HTTP itself. Python and its libraries rename their own between versions."""

STATUS_CODES = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    406: "not_acceptable",
    408: "request_timeout",
    409: "conflict",
    410: "gone",
    411: "length_required",
    412: "precondition_failed",
    413: "request_entity_too_large",
    414: "request_uri_too_long",
    415: "unsupported_media_type",
    416: "requested_range_not_satisfiable",
    417: "expectation_failed",
    422: "unprocessable_entity",
    429: "too_many_requests",
    431: "request_header_fields_too_large",
    500: "internal_server_error",
    501: "not_implemented",
    503: "service_unavailable",
    505: "http_version_not_supported",
}
"""Codes by status, of `a-z` and `_` (specification: Errors)."""


def code_of(status: int) -> str:
    return STATUS_CODES.get(status) or STATUS_CODES[400 if status < 500 else 500]
