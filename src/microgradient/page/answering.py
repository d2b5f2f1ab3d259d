"""What a page can ask, and how it is answered, by whichever carrier the question came: HTTP, or a notebook's messages."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from ..errors import MicrogradientError
from ..language import LANGUAGES, language, of_page, speaking, translate

Answer = Callable[[Mapping[str, Any]], Any]
OPTIONAL = ("run", "lesson")
"""What the page asks of everybody, and gets null from whoever has none."""


class Answering(Protocol):
    """What a page can be asked, by name."""

    answers: dict[str, Answer]


def known(answers: Mapping[str, Answer], name: str) -> bool:
    """Whether this can be asked."""
    return name in answers or name in OPTIONAL or name == "language"


def answer(answers: Mapping[str, Answer], name: str, words: Any) -> tuple[int, str]:
    """(status as in HTTP, JSON) of what is said to the question `name` with its `words`; an error is {"error": text}."""
    rest = dict(words) if isinstance(words, Mapping) else {}
    with speaking(spoken(words)):
        if not known(answers, name):
            return told(404, translate(f"There is no {name}.", name))
        rest.pop("lang", None)
        try:
            if not isinstance(words, Mapping):
                raise TypeError("not an object")
            asked: Answer = answers.get(name, _nothing)
            found = catalogue() if name == "language" else asked(rest)
            return 200, json.dumps(found, ensure_ascii=False)
        except MicrogradientError as error:
            return told(400, str(error))
        except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
            return told(400, translate(f"The question is not understood: {error}"))
        except Exception as error:  # the page says it, and goes on
            return told(500, translate(f"A fault in Microgradient: {type(error).__name__}: {error}."))


def spoken(words: Any) -> str:
    """The language that a question asks to be answered in; "" where it names none."""
    return str(words.get("lang", "")) if isinstance(words, Mapping) else ""


def told(status: int, text: str) -> tuple[int, str]:
    """An error, or a refusal, as an answer."""
    return status, json.dumps({"error": text}, ensure_ascii=False)


def catalogue() -> dict[str, Any]:
    """The language that is spoken, all that there are, and the page's own sentences in it."""
    return {"language": language(), "languages": LANGUAGES, "strings": of_page()}


def _nothing(words: Mapping[str, Any]) -> None:
    return None
