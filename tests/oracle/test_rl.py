"""Updates against stable-baselines3's own: same weights, same batch, same noise; same losses, and the same weights afterwards.

Both descend by plain gradient descent here, so that weights differ by the gradients.
"""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
sb3 = pytest.importorskip("stable_baselines3")

from stable_baselines3.common.buffers import RolloutBuffer  # noqa: E402
from stable_baselines3.common.logger import configure  # noqa: E402
from stable_baselines3.common.type_aliases import ReplayBufferSamples  # noqa: E402

import microgradient as mg  # noqa: E402
from microgradient import rl  # noqa: E402
from microgradient.rl.updates import Optimizers  # noqa: E402

RATE, BATCH = 0.1, 32


@pytest.fixture
def rng():
    """Each test's own random numbers, first weights among them."""
    mg.manual_seed(0)
    return np.random.default_rng(0)


def transitions(rng, features, action):
    f = lambda *shape: rng.normal(size=shape).astype(np.float32)
    actions = rng.integers(0, action, (BATCH, 1)) if isinstance(action, int) else np.tanh(f(BATCH, *action))
    return f(BATCH, features), actions, f(BATCH), f(BATCH, features), (rng.random(BATCH) < 0.3).astype(np.float32)


def theirs(algorithm, name, kwargs, **policy):
    """Their agent, descending by the gradient alone, quiet."""
    policy = {"optimizer_class": torch.optim.SGD, "net_arch": [16, 16], **policy}
    agent = algorithm("MlpPolicy", name, learning_rate=RATE, policy_kwargs=policy, device="cpu", seed=0, **kwargs)
    agent.set_logger(configure(None, []))
    return agent


def feed(agent, batch):
    """Let their next minibatch be this one."""
    seen, actions, rewards, following, ended = map(torch.as_tensor, batch)
    samples = ReplayBufferSamples(seen, actions, following, ended[:, None], rewards[:, None])
    agent.replay_buffer.sample = lambda *_, **__: samples


def copy(source, target):
    """Their parameters, in order, as ours."""
    source, target = [*source], [*target]
    assert [tuple(p.shape) for p in source] == [p.shape for p in target]
    for p, q in zip(source, target, strict=True):
        q.data = p.detach().numpy().copy()


def assert_same(source, target):
    for p, q in zip([*source], [*target], strict=True):
        np.testing.assert_allclose(q.data, p.detach().numpy(), rtol=2e-4, atol=2e-6)


def descending(*groups):
    return [mg.optim.SGD([*group], lr=RATE) for group in groups]


@pytest.mark.parametrize("compiled", [False, True])
def test_dqn(rng, compiled):
    them = theirs(sb3.DQN, "CartPole-v1", {"gamma": 0.9})
    us = rl.DQN(rl.Environments("CartPole-v1"), compiled=compiled, gamma=0.9, net_arch=(16, 16))
    pairs = [(them.q_net, us.model.online), (them.q_net_target, us.model.target)]
    torch.nn.init.normal_(them.q_net_target.q_net[0].weight)  # the two are not the same
    for source, target in pairs:
        copy(source.parameters(), target.parameters())
    us.optimizer = descending(us.parameters)[0]
    batch = transitions(rng, 4, 2)
    feed(them, batch)
    them.train(1, BATCH)
    loss = us.update(*(x[None] for x in (batch[0], batch[1][:, 0], *batch[2:])))
    assert loss == pytest.approx(them.logger.name_to_value["train/loss"], rel=1e-5)
    for source, target in pairs:
        assert_same(source.parameters(), target.parameters())


def test_double_dqn_is_its_papers_formula(rng):
    us = rl.DQN(rl.Environments("CartPole-v1"), gamma=0.9, net_arch=(16,), double=True, dueling=True)
    for p in us.model.target.parameters():
        p.data = p.data + rng.normal(size=p.shape).astype(np.float32)
    batch = transitions(rng, 4, 2)
    weights = rng.random(BATCH).astype(np.float32)
    state = {name: torch.tensor(np.array(x.data)) for name, x in us.model.state_dict().items()}

    def q(which, x):
        line = lambda name, h: h @ state[f"{which}.{name}.weight"].T + state[f"{which}.{name}.bias"]
        h = torch.relu(line("trunk.0", x))
        advantage = line("advantage", h)
        return line("value", h) + advantage - advantage.mean(1, keepdim=True)

    leaves = [state[name].requires_grad_() for name in state if name.startswith("online")]
    seen, actions, rewards, following, ended = map(torch.as_tensor, batch)
    with torch.no_grad():
        value = q("target", following).gather(1, q("online", following).argmax(1, keepdim=True))[:, 0]
        target = rewards + 0.9 * (1 - ended) * value
    errors = torch.nn.functional.smooth_l1_loss(q("online", seen).gather(1, actions)[:, 0], target, reduction="none")
    expected = (torch.as_tensor(weights) * errors).mean()
    expected.backward()
    loss, _ = us.loss(*map(mg.tensor, (batch[0], batch[1][:, 0], *batch[2:], weights)))
    loss.backward()
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    for name, p in us.model.online.named_parameters():
        theirs_ = state[f"online.{name}"].grad
        np.testing.assert_allclose(p.grad.data, theirs_.numpy(), rtol=1e-4, atol=1e-6)
    assert len(leaves) == len([*us.model.online.parameters()])


@pytest.mark.parametrize("name", ["CartPole-v1", "Pendulum-v1"])
@pytest.mark.parametrize("algorithm", ["ppo", "a2c"])
def test_ppo_and_a2c(rng, algorithm, name):
    settings = {"ent_coef": 0.01, "vf_coef": 0.3, "max_grad_norm": 0.05, "n_steps": BATCH}
    more = {"batch_size": BATCH, "n_epochs": 1} if algorithm == "ppo" else {"use_rms_prop": False}
    them = theirs({"ppo": sb3.PPO, "a2c": sb3.A2C}[algorithm], name, {**settings, **more})
    more = {"batch_size": BATCH, "n_epochs": 1} if algorithm == "ppo" else {}
    us = rl.AGENTS[algorithm](rl.Environments(name), **settings, **more, net_arch=(16, 16))
    policy, extractor = them.policy, them.policy.mlp_extractor
    torch.nn.init.normal_(policy.action_net.weight)
    pairs = [
        ([*extractor.policy_net.parameters(), *policy.action_net.parameters()], us.model.policy.parameters()),
        ([*extractor.value_net.parameters(), *policy.value_net.parameters()], us.model.value.parameters()),
    ]
    if us.model.log_std is not None:
        pairs.append(([policy.log_std], [us.model.log_std]))
    pairs = [([*source], [*target]) for source, target in pairs]
    for source, target in pairs:
        copy(source, target)
    us.optimizer = descending(us.parameters)[0]
    seen, actions, *_ = transitions(rng, us.spaces.features, 2 if us.spaces.discrete else (1,))
    old, advantages, returns = (rng.normal(size=BATCH).astype(np.float32) for _ in range(3))
    old = 0.3 * old - 1
    buffer = them.rollout_buffer
    assert isinstance(buffer, RolloutBuffer)
    buffer.observations, buffer.actions = seen[:, None], actions[:, None].astype(np.float32)
    buffer.log_probs, buffer.advantages, buffer.returns = old[:, None], advantages[:, None], returns[:, None]
    buffer.full, buffer.generator_ready = True, False
    them.train()
    logged = them.logger.name_to_value
    actions = actions[:, 0] if us.spaces.discrete else actions
    with mg.no_grad():  # their loss, before they descended
        loss = us.loss(*map(mg.tensor, (seen, actions, old, advantages, returns))).item()
    parts = logged["train/policy_loss" if algorithm == "a2c" else "train/policy_gradient_loss"]
    expected = parts + 0.01 * logged["train/entropy_loss"] + 0.3 * logged["train/value_loss"]
    assert loss == pytest.approx(expected, rel=1e-4)
    us.update(*(x[None] for x in (seen, actions, old, advantages, returns)))
    for source, target in pairs:
        assert_same(source, target)


@pytest.mark.parametrize("learned", [True, False])
def test_sac(rng, learned):
    them = theirs(sb3.SAC, "Pendulum-v1", {"gamma": 0.9, "tau": 0.2, **({} if learned else {"ent_coef": 0.3})})
    us = rl.SAC(
        rl.Environments("Pendulum-v1"), gamma=0.9, tau=0.2, net_arch=(16, 16), ent_coef=None if learned else 0.3
    )
    model, actor = us.model, them.actor
    theirs_ = [*actor.latent_pi.parameters(), *actor.mu.parameters(), *actor.log_std.parameters()]
    pairs = [(theirs_, [*model.actor.parameters()]),
             ([*them.critic.parameters()], [*model.critic.parameters()]),
             ([*them.critic_target.parameters()], [*model.target.parameters()])]  # fmt: skip
    if learned:
        them.ent_coef_optimizer = torch.optim.SGD([them.log_ent_coef], lr=RATE)
        pairs.append(([them.log_ent_coef], [model.log_alpha]))
    for source, target in pairs:
        copy(source, target)
    us.of_actor, us.of_critic, us.of_alpha = descending(
        model.actor.parameters(), model.critic.parameters(), [model.log_alpha]
    )
    us.optimizer = Optimizers(us.of_actor, us.of_critic, us.of_alpha)
    for turn in range(2):  # the second from what the first changed
        batch = transitions(rng, 3, (1,))
        feed(them, batch)
        torch.manual_seed(turn)
        noise = np.stack([torch.normal(torch.zeros(BATCH, 1), torch.ones(BATCH, 1)).numpy() for _ in range(2)])
        torch.manual_seed(turn)
        them.train(1, BATCH)
        loss = us.update(*(x[None] for x in batch), *noise[:, None])
        assert loss == pytest.approx(them.logger.name_to_value["train/critic_loss"], rel=1e-4)
        for source, target in pairs:
            assert_same(source, target)


def test_td3(rng):
    them = theirs(sb3.TD3, "Pendulum-v1", {"gamma": 0.9, "tau": 0.2})
    us = rl.TD3(rl.Environments("Pendulum-v1"), gamma=0.9, tau=0.2, net_arch=(16, 16))
    model = us.model
    modules = [(them.actor, model.actor), (them.critic, model.critic),
               (them.actor_target, model.actor_target), (them.critic_target, model.critic_target)]  # fmt: skip
    pairs = [([*source.parameters()], [*target.parameters()]) for source, target in modules]
    for source, target in pairs:
        copy(source, target)
    us.of_actor, us.of_critic = descending(model.actor.parameters(), model.critic.parameters())
    for turn in range(4):
        batch = transitions(rng, 3, (1,))
        feed(them, batch)
        torch.manual_seed(turn)
        noise = torch.empty(BATCH, 1).normal_(0, 0.2).numpy() / np.float32(0.2)
        torch.manual_seed(turn)
        them.train(1, BATCH)
        loss = us.update(turn % 2 == 1, *batch, noise).item()
        assert loss == pytest.approx(them.logger.name_to_value["train/critic_loss"], rel=1e-4)
        for source, target in pairs:
            assert_same(source, target)
