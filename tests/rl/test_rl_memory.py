"""Replay buffers, rollouts and environments."""

from __future__ import annotations

import json
from copy import deepcopy

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from hypothesis import given
from hypothesis import strategies as st

from microgradient.errors import ArgumentError, DataError, NonFiniteError
from microgradient.rl import (
    Environments,
    PrioritizedReplayBuffer,
    Reinforce,
    ReplayBuffer,
    Rollout,
    SumTree,
    episode_returns,
    gae,
)
from microgradient.rl.environments import Spaces
from microgradient.rl.evaluation import played

NAMES = ["CartPole-v1", "Acrobot-v1", "Pendulum-v1", "MountainCarContinuous-v0"]


def numbered(first, count):
    """Transitions that can be told apart."""
    n = np.arange(first, first + count, dtype=np.float32)
    return n[:, None], n, n, n[:, None] + 1, n % 2


@given(st.lists(st.integers(1, 4), min_size=1, max_size=12), st.integers(4, 9))
def test_a_ring_keeps_the_last_transitions(counts, capacity):
    memory, total = ReplayBuffer(capacity, (1,)), 0
    for count in counts:
        memory.add(*numbered(total, count))
        total += count
    kept = np.sort(memory.stored.rewards[: len(memory)])
    np.testing.assert_array_equal(kept, np.arange(max(0, total - capacity), total))
    drawn = memory.sample(np.random.default_rng(0), (3, 50))
    np.testing.assert_array_equal(drawn.next_observations[..., 0], drawn.rewards + 1)
    np.testing.assert_array_equal(drawn.terminated, drawn.rewards % 2)


@given(st.lists(st.floats(0, 10), min_size=1, max_size=33), st.randoms(use_true_random=False))
def test_a_sum_tree_finds_what_a_running_sum_does(values, random):
    values = np.array(values)
    tree = SumTree(len(values))
    order = np.array(random.sample(range(len(values)), len(values)))
    tree.set(order, values[order])
    assert tree.total == pytest.approx(values.sum())
    np.testing.assert_array_equal(tree.get(np.arange(len(values))), values)
    if tree.total > 0:
        sums = np.array([random.random() for _ in range(20)]) * tree.total
        found = tree.find(sums)
        assert (values[found] > 0).all()
        ends = np.cumsum(values)
        assert (sums <= ends[found] * (1 + 1e-9) + 1e-9).all()
        assert (sums >= (ends - values)[found] * (1 - 1e-9) - 1e-9).all()


def test_priorities_decide_how_often_and_weights_undo_it():
    memory = PrioritizedReplayBuffer(8, (1,), alpha=0.5)
    rows = memory.add(*numbered(0, 4))
    errors = np.array([1.0, -4.0, 9.0, 16.0])
    memory.update(rows, errors)
    chances = np.sqrt(np.abs(errors)) / np.sqrt(np.abs(errors)).sum()
    drawn, weights = memory.draw(np.random.default_rng(0), 10_000, beta=1.0)
    np.testing.assert_allclose(np.bincount(drawn) / 10_000, chances, atol=2e-4)  # stratified: almost no chance in it
    np.testing.assert_allclose(weights, chances.min() / chances[drawn], rtol=1e-5)
    new = memory.add(*numbered(4, 1))  # gets the highest priority so far
    assert memory.tree.get(new)[0] == pytest.approx(4.0, rel=1e-6)


@pytest.mark.parametrize("kind", [ReplayBuffer, PrioritizedReplayBuffer])
def test_a_memory_goes_on_from_its_state(kind):
    memory, other = kind(5, (1,)), kind(5, (1,))
    memory.add(*numbered(0, 7)[:5])
    if kind is PrioritizedReplayBuffer:
        memory.update(np.arange(3), np.array([5.0, 1.0, 2.0]))
    other.load_state_dict(memory.state_dict())
    for m in (memory, other):
        m.add(*numbered(7, 1))
    for a, b in zip(memory.stored, other.stored, strict=True):
        np.testing.assert_array_equal(a, b)
    if kind is PrioritizedReplayBuffer:
        draws = [m.draw(np.random.default_rng(0), 9, 0.5) for m in (memory, other)]
        np.testing.assert_array_equal(*(rows for rows, _ in draws))
    with pytest.raises(DataError, match="of shape"):
        kind(3, (1,)).load_state_dict(memory.state_dict())


def test_priorities_that_are_put_back_are_those_of_then():
    """What was added later is no longer drawn."""
    memory = PrioritizedReplayBuffer(8, (1,))
    memory.add(*numbered(0, 2))
    before = deepcopy(memory.state_dict())
    memory.add(*numbered(2, 4))
    memory.load_state_dict(before)
    rows, weights = memory.draw(np.random.default_rng(0), 100, 1.0)
    assert np.bincount(rows).tolist() == [50, 50]
    assert (weights == 1).all()


@given(st.integers(1, 6), st.integers(1, 3), st.floats(0, 1), st.floats(0, 1), st.integers(0, 2**31), st.booleans())
def test_gae_is_its_definition(steps, count, gamma, lam, seed, any_end):
    r = np.random.default_rng(seed)
    rewards, values, following = r.normal(size=(3, steps, count))
    terminated = (r.random((steps, count)) < 0.2) & any_end
    ended = terminated | ((r.random((steps, count)) < 0.2) & any_end)
    rollout = Rollout(rewards, rewards, rewards, rewards, terminated, ended)
    found = gae(rollout, values, following, gamma, lam)
    for n in range(count):
        for t in range(steps):
            expected, weight = 0.0, 1.0
            for k in range(t, steps):
                future = 0.0 if terminated[k, n] else gamma * following[k, n]
                expected += weight * (rewards[k, n] + future - values[k, n])
                weight *= gamma * lam
                if ended[k, n]:
                    break
            assert found[t, n] == pytest.approx(expected, abs=1e-9)


def test_the_last_observation_of_a_truncated_episode_is_its_own():
    two = Environments("Pendulum-v1", 2, seed=3)
    for _ in range(199):
        two.step(np.zeros((2, 1), np.float32))
    before = two.observations
    met = two.step(np.zeros((2, 1), np.float32))
    assert met.truncated.all()
    assert not met.terminated.any()
    assert len(two.returns) == 2
    assert np.abs(met.observations - before).max() < 0.5  # it has moved on by a step,
    assert np.abs(two.observations - met.observations).max() > 0.1  # and a new episode has begun elsewhere


@pytest.mark.parametrize("name", NAMES)
def test_environments_go_on_from_their_state(name):
    def act(around, count):
        rng = np.random.default_rng(0)
        shape = (count, around.count) if around.spaces.discrete else (count, around.count, around.spaces.actions)
        actions = rng.integers(0, around.spaces.actions, shape) if around.spaces.discrete else rng.uniform(-1, 1, shape)
        return [around.step(a) for a in actions]

    around = Environments(name, 2, seed=1)
    act(around, 30)
    saved = around.state_dict()
    saved = {key: x.copy() if isinstance(x, np.ndarray) else json.loads(json.dumps(x)) for key, x in saved.items()}
    other = Environments(name, 2, seed=9)
    other.load_state_dict(saved)
    for a, b in zip(act(around, 230), act(other, 230), strict=True):
        for mine, yours in zip(a, b, strict=True):
            np.testing.assert_array_equal(mine, yours)
    np.testing.assert_array_equal(around.observations, other.observations)
    assert around.returns == other.returns
    with pytest.raises(DataError, match="3 × "):
        Environments(name, 3).load_state_dict(saved)


@pytest.mark.parametrize("name", NAMES)
def test_environments_move_as_gymnasiums_do(name):
    """From each state that is met, a step of gymnasium's leads to the same."""
    around, rng = Environments(name, 3, seed=2), np.random.default_rng(0)
    theirs = gymnasium.make(name).unwrapped
    theirs.reset()
    ends = 0
    for step in range(300):
        if around.spaces.discrete:
            actions = rng.integers(0, around.spaces.actions, 3)
        else:  # also beyond the bounds; and, half of the time, such that a car gets up the hill
            actions = np.where(step % 2, 3 * rng.normal(size=(3, 1)), 1.2 * np.sign(around.states[:, 1:] + 1e-9))
            actions = actions.astype(np.float32)
        before = around.states.copy()
        met = around.step(actions)
        ends += met.terminated.sum()
        for i in range(3):
            theirs.state = before[i]
            if name == "CartPole-v1":
                theirs.steps_beyond_terminated = None
            seen, reward, terminated, *_ = theirs.step(actions[i])
            np.testing.assert_allclose(met.observations[i], seen, rtol=1e-5, atol=1e-5)
            assert met.rewards[i] == pytest.approx(reward, rel=1e-5, abs=1e-6)
            assert met.terminated[i] == terminated
    assert ends > 0 or name in ("Pendulum-v1", "Acrobot-v1")
    if name == "Acrobot-v1":  # what random torques don't reach
        *_, up = around.motion.step(np.array([[np.pi, 0.1, 0.0, 0.0], [0.0, 0.1, 0.0, 0.0]]), np.array([1, 1]))
        assert up.tolist() == [True, False]


@pytest.mark.parametrize("name", NAMES)
def test_without_motion_gymnasium_steps(name):
    ours, theirs = Environments(name, 2, seed=4), Environments(name, 2, seed=4, motion=False)
    rng, ended = np.random.default_rng(0), 0
    for _ in range(60):
        n = ours.spaces.actions
        actions = rng.integers(0, n, 2) if ours.spaces.discrete else rng.uniform(-1, 1, (2, n)).astype(np.float32)
        mine, yours = ours.step(actions), theirs.step(actions)
        for a, b in zip(mine, yours, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-3)
        ended += mine.ended.sum()
        np.testing.assert_allclose(ours.observations, theirs.observations, rtol=1e-3, atol=1e-3)
    assert ended > 0 or name != "CartPole-v1"
    with pytest.raises(DataError, match=name):
        theirs.state_dict()


def test_environments_without_equations_are_stepped_by_gymnasium():
    around = Environments("MountainCar-v0", 2, seed=0)
    outcomes = [around.step(np.array([0, 2])) for _ in range(200)]
    assert outcomes[-1].truncated.all()
    assert not np.array_equal(outcomes[-1].observations, around.observations)
    assert list(around.returns) == [-200.0, -200.0]
    with pytest.raises(DataError, match="MountainCar-v0"):
        around.state_dict()


class Anything(gymnasium.Env):
    """An environment with any spaces, whose episodes never end."""

    def __init__(self, seen, done, **_):
        self.observation_space, self.action_space = seen, done

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return self.observation_space.sample(), {}

    def step(self, action):
        assert self.action_space.contains(action)
        return self.observation_space.sample(), 1.0, False, False, {}


@pytest.fixture
def registered():
    """Registers `Anything` with these spaces."""
    names = []

    def register(seen, done, **more):
        names.append(f"Anything{len(names)}-v0")
        gymnasium.register(names[-1], Anything, kwargs={"seen": seen, "done": done}, **more)
        return names[-1]

    yield register
    for name in names:
        del gymnasium.registry[name]


BOX, TWO = spaces.Box(-1, 1, (3,)), spaces.Discrete(2)


@pytest.mark.parametrize(("seen", "done"), [
    (BOX, spaces.Box(-np.inf, np.inf, (1,))), (BOX, spaces.Box(0, np.inf, (2,))), (BOX, spaces.Box(-1, 1, (2, 2))),
    (BOX, spaces.Box(0, 9, (2,), np.int64)), (BOX, spaces.MultiBinary(3)), (BOX, spaces.MultiDiscrete([2, 3])),
    (BOX, spaces.Discrete(2, start=5)), (BOX, spaces.Dict(a=TWO)), (BOX, spaces.Tuple([TWO, TWO])),
    (spaces.Box(0, 1, (2, 2)), TWO), (spaces.Box(0, 1, ()), TWO), (spaces.Discrete(4), TWO), (spaces.Dict(a=BOX), TWO),
    (spaces.MultiBinary(4), TWO),
], ids=str)  # fmt: skip
def test_spaces_that_are_not_understood(registered, seen, done):
    kind = type(done if seen is BOX else seen).__name__
    with pytest.raises(ArgumentError, match=rf"An (action|observation) of Anything0-v0 is {kind}.*wrapper") as caught:
        Environments(registered(seen, done), 2)
    assert caught.value.code == "MG188"


def test_spaces_that_are_understood(registered):
    uneven = spaces.Box(np.array([-2, 0]), np.array([4, 1]), dtype=np.float64)
    found = [Environments(registered(BOX, done), 2).spaces for done in (spaces.Discrete(3), uneven)]
    assert found == [Spaces(3, 3, True), Spaces(3, 2, False, (-2.0, 0.0), (4.0, 1.0))]


@pytest.mark.parametrize("name", [*NAMES, "MountainCar-v0"])
def test_what_is_no_action(name):
    around = Environments(name, 2, seed=0)
    if around.spaces.discrete:
        wrong = [[0, around.spaces.actions], [-1, 0], [0], [[0], [1]], [0.0, 1.0], [np.nan, 0.0]]
    else:
        wrong = [[0.0, 0.0], [[0.0]], [[0.0], [np.nan]], [[0.0], [np.inf]]]
    for actions in wrong:
        with pytest.raises((ArgumentError, NonFiniteError), match=r"^(Actions are|There are the actions 0 to)"):
            around.step(actions)
    np.testing.assert_array_equal(around.observations, Environments(name, 2, seed=0).observations)


def test_what_has_no_time_limit(registered):
    name = registered(BOX, TWO)
    for of in (lambda: episode_returns(lambda seen: np.zeros(len(seen), np.int64), name, 2),
               lambda: Reinforce(Environments(name))):  # fmt: skip
        with pytest.raises(ArgumentError, match=f"{name} has no time limit"):
            of()
    assert Reinforce(Environments(name), n_steps=4).n_steps == 4
    limited = registered(BOX, TWO, max_episode_steps=7)
    np.testing.assert_array_equal(episode_returns(lambda seen: np.zeros(len(seen), np.int64), limited, 2), [7, 7])


def test_states_that_are_not_known():
    with pytest.raises(DataError, match="What MountainCar-v0 keeps in itself isn't known"):
        played(lambda seen: np.zeros(1, np.int64), "MountainCar-v0")


def test_episodes_have_seeds_of_their_own():
    returns = episode_returns(lambda seen: (seen[:, 2] > 0).astype(np.int64), "CartPole-v1", 6, seed=4)
    alone = [
        episode_returns(lambda seen: (seen[:, 2] > 0).astype(np.int64), "CartPole-v1", 1, seed=4 + i)[0]
        for i in range(6)
    ]
    np.testing.assert_array_equal(returns, alone)


def test_an_environment_that_there_is_not():
    with pytest.raises(ArgumentError, match="NoSuch"):
        Environments("NoSuch-v1")
