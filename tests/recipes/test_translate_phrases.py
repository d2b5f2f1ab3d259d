"""Phrase tables: what is linked, what is looked at, and what stays as it is."""

import numpy as np

from microgradient.recipes.translate_phrases import PhraseTable, _alignment, _phrases

KNOWN = [
    ("a red car", "une voiture rouge"),
    ("a car", "une voiture"),
    ("the red boat", "le bateau rouge"),
    ("the boat", "le bateau"),
]


def test_words_are_aligned_with_those_that_they_are_met_with():
    a, red, car, the, boat, une, voiture, rouge, le, bateau = range(10)
    words, translated = [[a], [red], [car], [the], [boat]], [[une], [rouge], [voiture], [le], [bateau]]
    rows = _alignment([[a, red, car], [a, car], [the, red, boat], [the, boat], *words],
                      [[une, voiture, rouge], [une, voiture], [le, bateau, rouge], [le, bateau], *translated])  # fmt: skip
    for row in (rows[0], rows[2]):
        assert row.shape == (3, 3)
        assert row.argmax(axis=1).tolist() == [0, 2, 1]  # in another order
    assert all((row.sum(axis=1) <= 1 + 1e-9).all() for row in rows)
    same = _alignment([[1, 2], [2, 3]], [[4, 2], [2, 5]])
    assert same[0][1].argmax() == 1  # what is written alike


def test_phrases_have_no_links_to_what_is_outside():
    shares = np.zeros((4, 3))
    shares[0, 0] = shares[1, 2] = shares[2, 1] = 1  # the last one stands for nothing
    found = set(_phrases(shares))
    assert {(0, 1, 0, 1), (1, 2, 2, 3), (1, 2, 2, 4), (2, 3, 1, 2), (1, 3, 1, 3), (0, 3, 0, 3)} <= found
    assert not {(start, end) for start, end, _, _ in found} & {(0, 2)}


def test_drafts_are_of_known_phrases_that_have_weight():
    table = PhraseTable(KNOWN)
    assert table.draft("the red car", np.ones(4)) in ("le voiture rouge", "le rouge voiture")
    assert table.draft("a car", np.ones(4)) == "une voiture"
    assert table.draft("a car", np.zeros(4)) == "a car"
    assert table.draft("", np.ones(4)) == ""
    two = PhraseTable([*KNOWN, ("a car", "un wagon")])
    assert two.draft("a car", np.array([0, 0.1, 0, 0, 1])) == "un wagon"
    assert two.draft("a car", np.array([0, 1, 0, 0, 0.1])) == "une voiture"
    assert PhraseTable([]).draft("", np.ones(0)) == ""
