"""ROUGE-L: how much of a reference text another text says, in the same order."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np


def rouge_l(text: str, reference: str) -> float:
    """The F-measure of the longest common subsequence of words, from 0 to 1: Lin, "ROUGE: a package for automatic evaluation of
    summaries" (2004), section 3, with precision and recall of equal weight. Words are runs of letters and digits, case aside;
    all else, underscores too, stands between them.

    >>> rouge_l("police kill the gunman", "Police killed the gunman.")
    0.75
    """
    ours, theirs = (re.findall(r"[^\W_]+", each.lower()) for each in (text, reference))
    if not ours or not theirs:
        return float(ours == theirs)
    return 2 * longest_common_subsequence(ours, theirs) / (len(ours) + len(theirs))


def longest_common_subsequence(a: Sequence[str], b: Sequence[str]) -> int:
    """How many items both sequences have in the same order, others between them or not.

    >>> longest_common_subsequence("abcde", "xaxcxe")
    3
    """
    lengths = np.zeros(len(b) + 1, int)  # of the items of a so far and the first 0, 1, … items of b
    same = np.array([[x == y for y in b] for x in a], bool)
    for row in same:
        taken = np.where(row, lengths[:-1] + 1, lengths[1:])
        lengths[1:] = np.maximum.accumulate(taken)
    return int(lengths[-1])
