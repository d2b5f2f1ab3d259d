"""Each algorithm: compiled it does what it does eagerly, it goes on from its state bit for bit, and it learns."""

from __future__ import annotations

import json

import numpy as np
import pytest

import microgradient as mg
from microgradient import rl
from microgradient.errors import ArgumentError
from microgradient.rl.recipe import _flat, _nested

OFF = {"learning_starts": 20, "batch_size": 8, "train_freq": 2}
CASES = {
    "reinforce": ("reinforce", "CartPole-v1", {"n_steps": 60}),
    "a2c": ("a2c", "CartPole-v1", {}),
    "ppo": ("ppo", "CartPole-v1", {"n_steps": 8, "batch_size": 8, "n_epochs": 2}),
    "ppo continuous": ("ppo", "Pendulum-v1", {"n_steps": 8, "batch_size": 8, "n_epochs": 2}),
    "dqn": ("dqn", "CartPole-v1", {**OFF, "gradient_steps": 2, "target_update_interval": 8}),
    "dqn prioritized": ("dqn", "CartPole-v1", {**OFF, "prioritized": True, "double": True, "dueling": True}),
    "sac": ("sac", "Pendulum-v1", {**OFF, "gradient_steps": 2}),
    "td3": ("td3", "Pendulum-v1", {**OFF, "gradient_steps": 2, "noise_correlation": 0.9}),
}


def made(case, compiled=True, seed=0):
    algorithm, name, settings = CASES[case]
    mg.manual_seed(seed)
    return rl.AGENTS[algorithm](rl.Environments(name, 2, seed), seed, compiled, net_arch=(8,), **settings)


def weights(agent):
    return {name: np.array(x.data) for name, x in agent.model.state_dict().items()}


@pytest.mark.parametrize("case", CASES)
def test_compiled_is_eager(case):
    agents = made(case), made(case, compiled=False)
    losses = [[agent.iterate() for _ in range(8)] for agent in agents]
    np.testing.assert_allclose(*losses, rtol=1e-3, atol=1e-4)
    first, second = map(weights, agents)
    for name in first:
        np.testing.assert_allclose(first[name], second[name], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("case", CASES)
def test_it_goes_on_from_its_state_bit_for_bit(case):
    agent, other = made(case), made(case, seed=5)
    for _ in range(8):
        agent.iterate()
    state = {}
    for name, value in _flat(agent.state_dict()):
        state[name] = value.copy() if isinstance(value, np.ndarray) else json.loads(json.dumps(value))
    other.model.load_state_dict(weights(agent))
    other.optimizer.load_state_dict(agent.optimizer.state_dict())
    other.load_state_dict(_nested(state))
    assert [agent.iterate() for _ in range(6)] == [other.iterate() for _ in range(6)]
    assert agent.steps == other.steps
    first, second = weights(agent), weights(other)
    for name in first:
        np.testing.assert_array_equal(first[name], second[name])


@pytest.mark.parametrize("case", ["dqn", "sac", "td3"])
def test_critics_overfit_one_batch(case):
    agent = made(case)
    while agent.steps <= 40:
        agent.iterate()
    batch = agent.memory.take(np.arange(8))
    agent.memory.sample = lambda rng, shape: type(batch)(*(np.broadcast_to(x, (*shape[:-1], *x.shape)) for x in batch))
    agent.target_update_interval = 10**9
    for p in agent.model.parameters():  # the targets stay
        if not p.requires_grad:
            p.data = p.data * 0
    agent.tau = 0.0
    if case == "sac":
        agent.ent_coef = 1e-6
    for group in agent.optimizer.param_groups:
        group["lr"] = 0.01
    losses = [agent.learn() for _ in range(400)]
    assert np.mean(losses[-10:]) < 0.05 * np.mean(losses[:5])


def test_a_policy_gradient_makes_better_actions_likelier():
    agent = made("ppo")
    agent.optimizer.param_groups[0]["lr"] = 0.01
    seen = np.random.default_rng(0).normal(size=(1, 8, 4)).astype(np.float32)
    actions = np.arange(8).reshape(1, 8) % 2
    advantages = np.where(actions == 1, 1.0, -1.0).astype(np.float32)
    zeros = np.zeros((1, 8), np.float32)
    for _ in range(60):
        agent.update(seen, actions, zeros - np.log(2).astype(np.float32), advantages, zeros)
    np.testing.assert_array_equal(agent.policy(seen[0]), 1)


def test_an_unfinished_episode_has_no_say_in_reinforce():
    agent = made("reinforce")
    ended = np.array([[False, False], [True, False], [False, False]])
    one, values = np.ones((3, 2), np.float32), np.array([[0.5, 2], [0.25, 3], [1, 1]], np.float32)
    following = np.array([[0.25, 3], [9, 1], [4, 4]], np.float32)  # the time limit counts as the end: 9 does not
    advantages, returns = agent.targets(rl.Rollout(one, one, one, one, False & ended, ended), values, following)
    np.testing.assert_array_equal(advantages != 0, [[True, False], [True, False], [False, False]])
    np.testing.assert_allclose(returns[:, 0], [1.99, 1.0, 1.0], rtol=1e-6)
    np.testing.assert_array_equal(returns[:, 1], values[:, 1])


def test_an_algorithm_for_other_actions():
    with pytest.raises(ArgumentError, match="sac can't act in CartPole-v1: an action there is one of a few"):
        rl.SAC(rl.Environments("CartPole-v1"))
    with pytest.raises(ArgumentError, match="continuous"):
        rl.DQN(rl.Environments("Pendulum-v1"))
