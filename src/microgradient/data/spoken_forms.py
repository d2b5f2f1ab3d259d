"""Numbers and dates, in digits and in words: a translation whose right answer is known."""

from __future__ import annotations

from datetime import date

import numpy as np

_SMALL = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen",
          "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"]  # fmt: skip
_TENS = ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_ORDINALS = {"one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth",
             "twelve": "twelfth", "twenty": "twentieth", "thirty": "thirtieth"}  # fmt: skip
_MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
           "December"]  # fmt: skip
_DAYS = date(1100, 1, 1).toordinal(), date(2100, 1, 1).toordinal()


def number_in_words(number: int) -> str:
    """A number below a million as it is said.

    >>> number_in_words(40_217)
    'forty thousand two hundred and seventeen'
    """
    if number >= 1000:
        rest = number % 1000
        joined = "" if not rest else f" {'and ' if rest < 100 else ''}{number_in_words(rest)}"
        return f"{number_in_words(number // 1000)} thousand{joined}"
    if number >= 100:
        return f"{_SMALL[number // 100]} hundred" + (f" and {number_in_words(number % 100)}" if number % 100 else "")
    if number >= 20:
        return _TENS[number // 10] + (f" {_SMALL[number % 10]}" if number % 10 else "")
    return _SMALL[number]


def date_in_words(year: int, month: int, day: int) -> str:
    """A date of the years 1100 to 2099 as it is said.

    >>> date_in_words(1905, 11, 21)
    'the twenty first of November nineteen oh five'
    >>> date_in_words(2009, 1, 31)
    'the thirty first of January two thousand and nine'
    """
    *tens, last = number_in_words(day).split()
    ordinal = " ".join([*tens, _ORDINALS.get(last, last + "th")])
    return f"the {ordinal} of {_MONTHS[month - 1]} {_year_in_words(year)}"


def _year_in_words(year: int) -> str:
    if 2000 <= year < 2010:
        return number_in_words(year)
    century, rest = divmod(year, 100)
    ending = number_in_words(rest) if rest >= 10 else f"oh {_SMALL[rest]}" if rest else "hundred"
    return f"{number_in_words(century)} {ending}"


def spoken_forms(count: int, seed: int) -> list[tuple[str, str]]:
    """So many different numbers and dates, half of each, as pairs (digits, words), drawn by a seed. Each number is drawn
    below one of 10, 100, …, 1,000,000, which have equal chances, and dates from all days of the years 1100 to 2099; the order
    is drawn too.

    >>> len(set(spoken_forms(200, seed=0)))
    200
    """
    draw, found = np.random.default_rng(seed), dict[str, str]()
    while len(found) < count:
        if len(found) % 2:
            number = int(draw.integers(10 ** draw.integers(1, 7)))
            found[str(number)] = number_in_words(number)
        else:
            day = date.fromordinal(int(draw.integers(*_DAYS)))
            found[day.isoformat()] = date_in_words(day.year, day.month, day.day)
    pairs = list(found.items())  # the shortest numbers, which are few, have all come early
    return [pairs[k] for k in draw.permutation(count)]
