"""Columns of dates, with or without a time of day, as ISO 8601 and spreadsheets write them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

_MONTHS = {
    m: k for k, m in enumerate(("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1)
}
_TIME = r"(?:[T ,]+(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:[.,][0-9]{1,9})?)?" \
        r" ?(?P<half>[AaPp]\.?[Mm]\.?)?)? ?(?:Z|UTC|GMT|[+-][0-9]{2}(?::?[0-9]{2})?)?"  # fmt: skip
_YEAR_FIRST = re.compile(r"(?P<y>[0-9]{4})[-/.年](?P<m>[0-9]{1,2})[-/.月](?P<d>[0-9]{1,2})日?" + _TIME)
_JOINED = re.compile(r"(?P<y>(?:19|20)[0-9]{2})(?P<m>[0-9]{2})(?P<d>[0-9]{2})"
                     r"(?:T(?P<hour>[0-9]{2})(?P<minute>[0-9]{2})(?P<second>[0-9]{2})?Z?)?")  # fmt: skip
_YEAR_LAST = re.compile(r"(?P<a>[0-9]{1,2})(?P<sep>[-/.])(?P<b>[0-9]{1,2})(?P=sep)(?P<y>[0-9]{4}|[0-9]{2})" + _TIME)
_NAMED = re.compile(r"(?:(?P<d>[0-9]{1,2})[ -](?P<name>[A-Za-z]{3})[a-z]*\.?|(?P<name2>[A-Za-z]{3})[a-z]*\.? (?P<d2>[0-9]{1,2}))"
                    r"[ ,-]+(?P<y>[0-9]{4}|[0-9]{2})" + _TIME)  # fmt: skip


@dataclass(frozen=True)
class DateFormat:
    """Whether the day comes before the month where the year comes last.

    >>> DateFormat(day_first=False).parse("01/31/2011 05:00 PM")
    datetime.datetime(2011, 1, 31, 17, 0)
    """

    day_first: bool = False

    def parse(self, cell: str) -> datetime | None:
        """The moment that a cell names, or None. A time zone is left out: it is the local hour that habits follow."""
        if found := _YEAR_FIRST.fullmatch(cell) or _JOINED.fullmatch(cell):
            year, month, day = (int(found[part]) for part in "ymd")
        elif found := _YEAR_LAST.fullmatch(cell):
            first, second, year = int(found["a"]), int(found["b"]), int(found["y"])
            day, month = (first, second) if self.day_first or found["sep"] == "." else (second, first)
        elif found := _NAMED.fullmatch(cell):
            month = _MONTHS.get((found["name"] or found["name2"]).lower(), 0)
            day, year = int(found["d"] or found["d2"]), int(found["y"])
        else:
            return None
        year += (2000 if year < 70 else 1900) if len(found["y"]) == 2 else 0
        time = found.groupdict()
        hour, minute, second = (int(time.get(part) or 0) for part in ("hour", "minute", "second"))
        if half := time.get("half"):
            hour = hour % 12 + (12 if half.lower().startswith("p") else 0)
        try:
            return datetime(year, month, day, hour, minute, second)
        except ValueError:
            return None


def find_date_format(cells: Iterable[str]) -> tuple[DateFormat, str]:
    """How a column writes its dates, and a note. The whole column decides between 31/01 and 01/31: a number above 12 is a
    day, and where most of these stand the day stands. Without any the month is taken to come first, and that is said.

    >>> find_date_format(["01/02/2011", "31/02/2011"])[0]
    DateFormat(day_first=True)
    """
    pairs = [(int(m["a"]), int(m["b"])) for m in map(_YEAR_LAST.fullmatch, cells) if m and m["sep"] != "."]
    day_first = sum(first > 12 for first, _ in pairs) > sum(second > 12 for _, second in pairs)
    if not pairs:
        return DateFormat(), ""
    if max(max(pair) for pair in pairs) > 12:
        return DateFormat(day_first), f"dates as {'day/month' if day_first else 'month/day'}/year"
    return DateFormat(), "dates read as month/day/year: no number above 12 tells which comes first"


def joined_dates(cells: Iterable[str]) -> bool:
    """Whether numbers are dates: all of them are days from 1900 to 2099 as ISO 8601's basic form writes them.

    >>> joined_dates(["20240229", "19991231"]), joined_dates(["20240230", "19991231"])
    (True, False)
    """
    return all(_JOINED.fullmatch(cell) and DateFormat().parse(cell) for cell in cells)


def days(moment: datetime) -> float:
    """Days since 1970-01-01, with their fraction.

    >>> days(datetime(1970, 1, 2, 12))
    1.5
    """
    return moment.replace(tzinfo=UTC).timestamp() / 86400
