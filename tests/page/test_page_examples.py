"""The batch on the page: what each example contributes, what it looks like, and its own card."""

from __future__ import annotations

import numpy as np
import pytest
from graphs import of_a_model, of_pictures, of_values

import microgradient as mg
from microgradient.errors import OutOfRangeError
from microgradient.explain.sweep import sweep_of
from microgradient.page.session import Session


def number_of(session, name):
    return next(k for k, node in enumerate(session.graph["nodes"]) if node["name"] == name)


@pytest.mark.parametrize("index", ["2,17", ""])
def test_the_examples_listed_and_the_others_add_up_to_the_gradient(index):
    session, _ = of_pictures()
    weight = number_of(session, "model.0.weight")
    found = session.examples({"node": weight, "index": index})
    card = session.why({"node": weight, "index": index})
    total = sum(each["contribution"] for each in found["examples"]) + found["more"]["sum"] + found["rest"]
    assert total == pytest.approx(found["gradient"])
    assert found["gradient"] == pytest.approx(card["gradient"] if index else card["gradient"]["norm"])
    assert (len(found["examples"]), found["more"]["count"], found["count"]) == (10, 2, 12)
    assert found["rest"] != 0
    assert "axis 0 of the input of model" in found["along"]


def test_an_example_is_shown_as_its_picture_and_label():
    session, pictures = of_pictures()
    for each in session.examples({"node": number_of(session, "model.2.bias"), "index": "1"})["examples"]:
        assert each["label"] == str(each["number"] % 3)
        given = pictures.numpy()[each["number"]].reshape(8, 8)
        greys = np.array(each["picture"])
        assert greys.min() == 0
        assert greys.max() == 255
        scaled = (given - given.min()) / (given.max() - given.min())
        assert np.allclose(greys / 255, scaled, atol=0.5 / 255 + 1e-6)


def test_rows_of_few_numbers_are_shown_as_numbers():
    session = of_a_model()
    each = session.examples({"node": number_of(session, "model.0.weight"), "index": "0,0"})["examples"][0]
    assert each["picture"] is None
    assert len(each["numbers"].split(", ")) == 4


def test_the_card_of_one_example():
    session, _ = of_pictures()
    node = number_of(session, "model.0.weight")
    for each in session.examples({"node": node, "index": "2,17"})["examples"]:
        card = session.why({"node": node, "index": "2,17", "example": each["number"]})
        assert card["example"] == each["number"]
        assert card["sum"] == pytest.approx(each["contribution"])
        assert sum(edge["contribution"] for edge in card["edges"]) == pytest.approx(card["gradient"])
        (edge,) = card["edges"]
        assert edge["index"] == [each["number"], 2]
        assert session.why({"node": edge["node"], "index": f"{each['number']},2"})["gradient"] == edge["upstream"]
    with pytest.raises(OutOfRangeError, match="no example 12"):
        session.why({"node": node, "index": "2,17", "example": 12})


def test_of_single_numbers_nothing_is_said_of_examples():
    session = of_values()
    assert not any(session.why({"node": k})["examples"] for k in range(len(session.graph["nodes"])))


def test_where_no_model_was_called_the_page_says_so():
    x = mg.tensor([[1.0, 2.0]], requires_grad=True)
    with mg.trace():
        loss = mg.sum(x * x)
        loss.backward()
    found = Session(sweep_of(loss, {"x": x, "loss": loss})).examples({"node": 0, "index": "0,1"})
    assert list(found) == ["unknown"]
    assert "Which axis counts the examples is known where" in found["unknown"]


def test_one_example_comes_through_a_function_with_its_upstream():
    session, _ = of_pictures()
    logits = [k for k, n in enumerate(session.graph["nodes"]) if n["op"] == "+" and len(n["shape"]) == 2][-1]
    card = session.why({"node": logits, "index": "0,1", "example": 0})
    (through,) = card["through"]
    assert through["upstream"] == 1.0
    assert "<mfrac>" in through["mathml"]
    assert through["contribution"] == pytest.approx(session.why({"node": logits, "index": "0,1"})["gradient"])
