"""First names, 6,824 of them, that ship inside the package Faker (extra `recipes`)."""

from __future__ import annotations

from .extra import missing_extra


def load_names() -> list[str]:
    """Names in lower case, sorted, only those written with the letters a to z.

    >>> "grace" in load_names()
    True
    """
    try:
        from faker.providers.person.en import Provider
    except ImportError as error:
        raise missing_extra("names", "faker") from error
    names = {name.lower() for name in Provider.first_names}
    return sorted(name for name in names if name.isascii() and name.isalpha())
