"""Types of the fields of request bodies, with their rules and how /openapi.json describes them."""

from datetime import date
from typing import Annotated

from pydantic import BeforeValidator, WithJsonSchema

from koyjabo.base.core import credential_rules
from koyjabo.base.core.identity import VISIT_NAME, VISITOR_ID
from koyjabo.base.core.moments import LAST_MOMENT_MS, MOMENT_TEXT
from .validators import (
    INTEGER,
    MAX_NAME_LENGTH,
    address,
    flag,
    milliseconds,
    moment,
    or_null,
    pattern,
    rule_by,
    text,
    typed_day,
    valid_name,
    visit_id,
    visitor_id,
    waited,
)

Text = Annotated[str | None, BeforeValidator(text)]

Address = Annotated[str | None, BeforeValidator(address)]

VisitorId = Annotated[str, BeforeValidator(visitor_id), WithJsonSchema(pattern(VISITOR_ID))]

VisitId = Annotated[str | None, BeforeValidator(visit_id), WithJsonSchema(or_null(pattern(VISIT_NAME)))]

Flag = Annotated[bool, BeforeValidator(flag)]

OptionalFlag = Annotated[
    bool,
    BeforeValidator(lambda value: False if value is None else flag(value)),
    WithJsonSchema(or_null({"type": "boolean"})),
]

Milliseconds = Annotated[
    int | None,
    BeforeValidator(milliseconds),
    WithJsonSchema(or_null({"type": "integer"}, pattern(INTEGER))),
]

Waited = Annotated[int | None, BeforeValidator(waited), WithJsonSchema(or_null({"type": "number"}))]

Name = Annotated[
    str,
    BeforeValidator(valid_name),
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": MAX_NAME_LENGTH, "pattern": r"\S"}),
]

EMAIL_SCHEMA = {"type": "string", "pattern": r"^\s*[^\s@]+@[^\s@]+\s*$", "maxLength": credential_rules.MAX_EMAIL_LENGTH}

Email = Annotated[str, rule_by(credential_rules.email), WithJsonSchema(EMAIL_SCHEMA)]

NewPassword = Annotated[
    str,
    rule_by(credential_rules.password),
    WithJsonSchema(
        {
            "type": "string",
            "minLength": credential_rules.MIN_PASSWORD_LENGTH,
            "maxLength": credential_rules.MAX_PASSWORD_LENGTH,
        }
    ),
]

Typed = Annotated[str, rule_by(str)]
"""Any text. It is only compared with a stored value, so the rules for new values do not apply."""

TypedDay = Annotated[date | None, BeforeValidator(typed_day)]
"""A day in a form; None for an empty field."""

ISO_SCHEMA = {"type": "string", "format": "date-time", "pattern": f"^{MOMENT_TEXT.pattern}$"}
MS_SCHEMA = {"type": "integer", "minimum": 0, "maximum": LAST_MOMENT_MS}

Moment = Annotated[int | None, BeforeValidator(moment), WithJsonSchema(or_null(ISO_SCHEMA, MS_SCHEMA))]
