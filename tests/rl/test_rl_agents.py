"""Each algorithm: compiled it does what it does eagerly, it goes on from its state bit for bit, and it learns."""

from __future__ import annotations

import json

import numpy as np
import pytest

import microgradient as mg
from microgradient import rl
from microgradient.errors import ArgumentError
from microgradient.rl.agent import OffPolicyAgent
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


def learnt(agent):
    """What the agent says and draws where it is, and its losses while it learns from steps that do not depend on it."""
    rng, (actions, features) = np.random.default_rng(0), (agent.spaces.actions, agent.spaces.features)
    seen, reached = rng.normal(size=(2, 8, 2, features)).astype(np.float32)
    done = rng.integers(0, actions, (8, 2)) if agent.spaces.discrete else rng.uniform(-1, 1, (8, 2, actions))
    rewards, returns, old = rng.normal(size=(3, 8, 2)).astype(np.float32)
    if isinstance(agent, OffPolicyAgent):
        said = [agent.policy(seen[0]), agent.explore(seen[0])]
        for steps in zip(seen, done, rewards, reached, rng.random((8, 2)) < 0.2, strict=True):
            agent.memory.add(*steps)
        return said, [agent.learn() for _ in range(4)]
    said = [agent.policy(seen[0]), agent.draw(seen[0]), *(x.data for x in agent._look(seen, reached, done))]
    return said, [agent.learn(seen, done, old - 1, rewards, returns) for _ in range(4)]


@pytest.mark.parametrize("case", CASES)
def test_compiled_is_eager(case):
    agents = made(case), made(case, compiled=False)
    said, losses = zip(*map(learnt, agents), strict=True)
    for first, second in zip(*said, strict=True):
        np.testing.assert_allclose(first, second, rtol=1e-4, atol=1e-5)
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
        agent.ent_coef = 0.0
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


def test_a_minibatch_of_one_step():
    """It has no deviation to be divided by: its advantage is taken as it is."""
    agent = rl.PPO(rl.Environments("CartPole-v1"), n_steps=3, batch_size=1, n_epochs=2, net_arch=(8,))
    before = weights(agent)
    assert np.isfinite(agent.iterate())
    assert all(np.isfinite(x).all() for x in weights(agent).values())
    assert any((x != before[name]).any() for name, x in weights(agent).items() if name.startswith("policy"))


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


def test_no_entropy_is_not_a_learned_one():
    """`ent_coef` is α where it is given, 0 as well, and learned where it isn't."""
    for given, learned in ((None, True), (0.0, False), (0.3, False)):
        agent = rl.SAC(rl.Environments("Pendulum-v1"), net_arch=(8,), ent_coef=given, batch_size=4, learning_starts=4)
        for _ in range(8):
            agent.iterate()
        assert (agent.model.log_alpha.item() != 0) == learned
        assert float(agent.alpha()) == pytest.approx(np.exp(agent.model.log_alpha.item()) if learned else given)


@pytest.mark.parametrize("case", CASES)
def test_networks_are_made_again_from_their_architecture(case):
    agent = made(case)
    again = type(agent).networks(agent.spaces, **json.loads(json.dumps(agent.architecture)))
    again.load_state_dict(agent.model.state_dict())
    seen = mg.tensor(agent.environments.observations)
    for mine, theirs in zip(agent.model.act(seen), again.act(seen), strict=True):
        np.testing.assert_array_equal(mine.data, theirs.data)
