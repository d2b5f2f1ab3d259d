"""`gridworld`: the gradient by hand, what it finds, and what every recipe is held to."""

from __future__ import annotations

import numpy as np
from properties import check_predicts, check_resumes

import microgradient as mg
from microgradient.cli import main
from microgradient.recipes import gridworld


def test_the_gradient_by_hand_is_the_engines():
    rng = np.random.default_rng(0)
    logits, values = rng.normal(size=(len(gridworld.NEXT), 4)), rng.normal(size=len(gridworld.NEXT))
    cells, moves, returns = gridworld.walk(logits, rng.integers(0, len(values), 20), rng)
    x = mg.tensor(logits, requires_grad=True)
    logs = mg.nn.functional.log_softmax(x, -1)[mg.tensor(cells), mg.tensor(moves)]
    advantages = np.where(cells == gridworld.GOAL, 0.0, returns - values[cells])
    (-mg.sum(logs * advantages) / 20).backward()
    np.testing.assert_allclose(
        gridworld.policy_gradient(logits, values, cells, moves, returns), x.grad.data, atol=1e-12
    )


def test_gridworld_finds_the_shortest_ways(tmp_path, capsys):
    folder = str(tmp_path / "run")
    assert main(["train", "gridworld", "--seed", "3", "--out", folder]) == 0
    assert "cells with a shortest way 100.00 %" in capsys.readouterr().out
    far = gridworld.distances()
    at = 0
    for left in reversed(range(far[0])):  # what it learnt leads from the corner to the goal, a step nearer each time
        at = gridworld.NEXT[at, mg.load(folder).moves()[at]]
        assert far[at] == left
    assert main(["predict", folder, "3,5", "0,0"]) == 0
    assert capsys.readouterr().out.splitlines()[1] == "3,5,↓"
    assert main(["predict", folder, "9,9"]) == 1
    assert "'9,9'" in capsys.readouterr().err


def test_it_learns_a_batch_of_walks_by_heart():
    """With a baseline of 0 the gradient is 0 where the policy is, in each cell, the moves' shares of the returns."""
    rng = np.random.default_rng(0)
    count = len(gridworld.NEXT)
    logits, values = np.zeros((count, 4)), np.zeros(count)
    cells, moves, returns = gridworld.walk(logits, rng.integers(0, count, 60), rng)
    weights = np.zeros((count, 4))
    np.add.at(weights, (cells, moves), np.where(cells == gridworld.GOAL, 0.0, returns))
    met = weights.sum(axis=1) > 0.1
    for _ in range(4000):
        logits -= 10.0 * gridworld.policy_gradient(logits, values, cells, moves, returns)
    policy = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    shares = weights[met] / weights[met].sum(axis=1, keepdims=True)
    np.testing.assert_allclose(policy[met], shares, atol=0.02)
    assert met.sum() > count / 2


def test_a_resumed_run_is_the_same_and_its_folder_predicts(tmp_path):
    session = check_resumes("gridworld", tmp_path)
    check_predicts(session, [(0, 0), (3, 5), (4, 4)])
