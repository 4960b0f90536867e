"""Keys with which programs call the API: each has scopes, belongs to the site or to one community, and may expire
(specification: API keys). `build` returns ApiKeys; `webkit` finds the holder of a key by `core.identity.KeyHolders`.
"""
