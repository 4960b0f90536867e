"""SECRET_KEY, and how earlier versions read it."""


class SecretKey(str):
    """The key in force. `earlier` are spellings of it that earlier versions used: with white space or quotation marks
    around it. What was sealed or signed with them stays valid.
    """

    earlier: tuple[str, ...]

    def __new__(cls, key: str, given: str = "") -> "SecretKey":
        secret = super().__new__(cls, key)
        secret.earlier = tuple({given or key, f'"{key}"', f"'{key}'"} - {key})
        return secret


def spellings(secret: str) -> tuple[str, ...]:
    """The key in force, and its earlier spellings."""
    return (secret, *getattr(secret, "earlier", ()))
