"""Keys for programs that call the API. A key has scopes, belongs to the site or to one community, and may expire
(specification: API keys). `web` finds a key's holder with `base.core.identity.Identities`.
"""
