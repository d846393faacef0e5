"""The language of sentences: `say` gives one in the reader's language, `language` chooses it.

A sentence stands in the source in English, with `{0}`, `{1}` for what is put in; that English is also its key. Every
other language is one file, `languages/CODE.json`, from the English sentences to its own: another language is one more
file, and a test holds each complete. A sentence that a file lacks is said in English.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).with_name("languages")
_chosen: tuple[str, dict[str, str]] = ("en", {})


def language(code: str | None = None) -> str:
    """Choose the language in which diagnoses, reports and exercises are written: "en", or "zh" for Chinese.

    It holds for what is made afterwards, in the whole program. Names, formulas and the codes of mistakes stay as they
    are. The languages are the files in `tinygrad_lite/report/languages`.

    Args:
        code: the language; None only asks for it.

    Returns:
        The language that is chosen now.

    Raises:
        ValueError: there is no such language.

    >>> language("zh")
    'zh'
    >>> say("the sign is flipped")
    '符号反了'
    >>> language("en")
    'en'
    """
    global _chosen
    if code is not None:
        if code not in languages():
            raise ValueError(f"language needs one of {', '.join(languages())}, but got {code!r}.")
        file = FOLDER / f"{code}.json"
        _chosen = code, {} if code == "en" else json.loads(file.read_text(encoding="utf-8"))
    return _chosen[0]


@contextlib.contextmanager
def chosen(code: str | None) -> Iterator[None]:
    """A language for a while; None changes nothing."""
    before = language()
    language(code)
    try:
        yield
    finally:
        language(before)


def languages() -> list[str]:
    """The codes of all languages.

    >>> "en" in languages()
    True
    """
    return sorted({"en", *(file.stem for file in FOLDER.glob("*.json"))})


def say(english: str, *put_in: Any) -> str:
    """A sentence in the chosen language, with what is put in at `{0}`, `{1}` and so on."""
    return translated(english).format(*put_in)


def translated(english: str) -> str:
    """A sentence in the chosen language as it stands; its braces are braces."""
    return _chosen[1].get(english, english)


def listed(things: Iterable[Any]) -> str:
    """Things in a row, as a sentence has them.

    >>> listed([3]), listed([3, 5]), listed([3, 5, 7])
    ('3', '3 and 5', '3, 5 and 7')
    """
    words = [str(thing) for thing in things]
    return words[0] if len(words) == 1 else say("{0} and {1}", ", ".join(words[:-1]), words[-1])
