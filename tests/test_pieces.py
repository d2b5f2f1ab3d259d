"""Byte-pair encoding: nothing is lost, and the merges are those of the definition."""

from collections import Counter
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from microgradient.data.pieces import CAPITAL, Pieces

texts = st.lists(st.text(alphabet="abAB ßİé.1_-\n你", max_size=12), min_size=1, max_size=5)


@given(texts, st.integers(0, 20))
def test_texts_come_back_from_their_pieces(found, merges):
    pieces = Pieces.learnt(found, merges)
    for text in found:
        assert pieces.decode(pieces.encode(text)) == text
    assert len(pieces.merges) <= merges


@given(st.lists(st.text(alphabet="abc", min_size=1, max_size=8), min_size=1, max_size=6))
def test_each_merge_is_the_most_frequent_pair_when_all_are_counted_again(words):
    pieces = Pieces.learnt([f"1{word}" for word in words], 6)  # behind a digit, without a space
    spelt = [list(word) for word in words]
    for merge in pieces.merges:
        counts = Counter(pair for parts in spelt for pair in pairwise(parts))
        assert counts[merge] == max(counts.values()) >= 2
        spelt = [_joined(parts, merge) for parts in spelt]
    if len(pieces.merges) < 6:
        assert max(Counter(pair for parts in spelt for pair in pairwise(parts)).values(), default=0) < 2
    for word, parts in zip(words, spelt, strict=True):
        assert [pieces.vocabulary[code] for code in pieces.encode(f"1{word}")[2:]] == parts


def test_capitals_unknown_characters_and_special_pieces():
    pieces = Pieces.learnt(["new News"], 10, special=["<end>", "<unknown>"], unknown=1)
    assert pieces.vocabulary[pieces.encode("News")[0]] == CAPITAL
    assert pieces.encode("nex")[-1] == 1
    assert pieces.decode([0, *pieces.encode("News"), 1]) == "News"
    assert pieces.decode([pieces.code[CAPITAL]]) == ""
    again = Pieces(**pieces.as_dict(), special=["<end>", "<unknown>"], unknown=1)
    assert again.vocabulary == pieces.vocabulary


def _joined(parts, pair):
    done = []
    for part in parts:
        if done and (done[-1], part) == pair:
            done[-1] += part
        else:
            done.append(part)
    return done
