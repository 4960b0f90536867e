"""The options in the query of a setting's URL."""

from urllib.parse import unquote


def parse(query: str) -> dict[str, str]:
    """Options by name. A plus sign stays one: it means a space only in forms. Raises ValueError for an option without
    `=`, and for one that is given twice.
    """
    options: dict[str, str] = {}
    for option in query.split("&") if query else ():
        name, equals, value = option.partition("=")
        if not equals or unquote(name) in options:
            raise ValueError("has an option twice or without =")
        options[unquote(name)] = unquote(value)
    return options
