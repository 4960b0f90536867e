"""Models for OpenAPI with the fields of a result."""

from typing import Any, get_type_hints

from pydantic import BaseModel, Field, create_model


def result_model(name: str, about: str, result: type | None = None, **more: Any) -> type[BaseModel]:
    """Return a model with the fields of a result, then `more`. Fields whose type has a default may be absent."""
    fields: dict[str, Any] = get_type_hints(result, include_extras=True) if result else {}
    return create_model(name, __doc__=about, **{field: (hint, Field()) for field, hint in fields.items()} | more)
