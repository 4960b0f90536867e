"""Domain names as the DNS has them: IDNA 2008, after UTS 46 without its transitional step, like browsers and
registries. Python's own codec is IDNA 2003, which makes `faß.example` another domain, `fass.example`.
"""


def ascii_domain(domain: str) -> str:
    """A domain in lower case, with labels of other scripts as `xn--…`. ASCII names are not checked, because private
    networks also use others, such as `my_host`. Raises ValueError for a name that no registry accepts.
    """
    if domain.isascii():
        return domain.lower()
    import idna  # imported late, because it takes 20 ms and most servers never need it

    return idna.encode(domain, uts46=True).decode()


def ascii_address(email: str) -> str:
    """An email address with its `ascii_domain`. Raises ValueError."""
    local, at, domain = email.rpartition("@")
    return f"{local}{at}{ascii_domain(domain)}"
