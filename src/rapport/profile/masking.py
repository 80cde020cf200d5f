"""Masked identifiers, for lists and live pages: enough to recognise what one knows, too little to learn it."""


def mask(kind: str, value: str) -> str:
    """`ada@example.com` → `a•••@e•••.com`; other identifiers keep at most their first and last two characters."""
    if kind == "email" and "@" in value:
        local, _, domain = value.rpartition("@")
        host, dot, ending = domain.rpartition(".")
        return f"{local[:1]}•••@{(host or ending)[:1]}•••{dot}{ending if host else ''}"
    if len(value) >= 8:
        return f"{value[:2]}•••{value[-2:]}"
    return f"{value[:1]}•••"
