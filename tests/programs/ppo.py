"""Proximal policy optimisation on a made-up environment: storage tensors written by index, Categorical, clipped losses."""

import argparse
import random

import numpy as np
import torch.nn as nn
import torch.optim as optim
from torch.distributions.categorical import Categorical
try:
    from torch.utils.tensorboard import SummaryWriter
except ImportError:  # PyTorch needs another package for it
    from unittest.mock import MagicMock

    def SummaryWriter(folder):
        return MagicMock()


import torch


class Env:
    """Walk on a line of 5 places; the right end gives 1."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)

    def reset(self):
        self.place, self.time = 2, 0
        return self._seen()

    def _seen(self):
        return np.eye(5, dtype=np.float32)[self.place]

    def step(self, action):
        self.place, self.time = min(max(self.place + (1 if action else -1), 0), 4), self.time + 1
        done = self.place == 4 or self.time > 9
        reward = float(self.place == 4)
        return (self.reset() if done else self._seen()), reward, done


def layer_init(layer, std=np.sqrt(2), bias_const=0.0):
    torch.nn.init.orthogonal_(layer.weight, std)
    torch.nn.init.constant_(layer.bias, bias_const)
    return layer


class Agent(nn.Module):
    def __init__(self):
        super().__init__()
        self.critic = nn.Sequential(layer_init(nn.Linear(5, 16)), nn.Tanh(), layer_init(nn.Linear(16, 1), std=1.0))
        self.actor = nn.Sequential(layer_init(nn.Linear(5, 16)), nn.Tanh(), layer_init(nn.Linear(16, 2), std=0.01))

    def get_value(self, x):
        return self.critic(x)

    def get_action_and_value(self, x, action=None):
        probs = Categorical(logits=self.actor(x))
        if action is None:
            action = probs.sample()
        return action, probs.log_prob(action), probs.entropy(), self.critic(x)


parser = argparse.ArgumentParser()
parser.add_argument("--updates", type=int, default=4)
parser.add_argument("--runs", default="runs")
args = parser.parse_args()
random.seed(1)
np.random.seed(1)
torch.manual_seed(1)
torch.backends.cudnn.deterministic = True
device = torch.device("cuda" if torch.cuda.is_available() and False else "cpu")
writer = SummaryWriter(args.runs)
writer.add_text("hyperparameters", "|param|value|")
envs = [Env(i) for i in range(4)]
agent = Agent().to(device)
optimizer = optim.Adam(agent.parameters(), lr=2.5e-3, eps=1e-5)
steps, n = 32, len(envs)
obs = torch.zeros((steps, n) + (5,)).to(device)
actions = torch.zeros((steps, n) + ()).to(device)
logprobs, rewards, dones, values = (torch.zeros((steps, n)).to(device) for _ in range(4))
next_obs = torch.Tensor(np.array([e.reset() for e in envs])).to(device)
next_done = torch.zeros(n).to(device)
for update in range(1, args.updates + 1):
    optimizer.param_groups[0]["lr"] = (1.0 - (update - 1.0) / args.updates) * 2.5e-3
    for step in range(steps):
        obs[step], dones[step] = next_obs, next_done
        with torch.no_grad():
            action, logprob, _, value = agent.get_action_and_value(next_obs)
            values[step] = value.flatten()
        actions[step], logprobs[step] = action, logprob
        seen = [e.step(a) for e, a in zip(envs, action.cpu().numpy())]
        rewards[step] = torch.tensor([r for _, r, _ in seen]).to(device).view(-1)
        next_obs = torch.Tensor(np.array([o for o, _, _ in seen])).to(device)
        next_done = torch.Tensor([d for _, _, d in seen]).to(device)
    with torch.no_grad():
        next_value = agent.get_value(next_obs).reshape(1, -1)
        advantages, lastgaelam = torch.zeros_like(rewards).to(device), 0
        for t in reversed(range(steps)):
            nonterminal = 1.0 - (next_done if t == steps - 1 else dones[t + 1])
            following = next_value if t == steps - 1 else values[t + 1]
            delta = rewards[t] + 0.99 * following * nonterminal - values[t]
            advantages[t] = lastgaelam = delta + 0.99 * 0.95 * nonterminal * lastgaelam
        returns = advantages + values
    b_obs, b_logprobs = obs.reshape((-1,) + (5,)), logprobs.reshape(-1)
    b_actions, b_advantages = actions.reshape((-1,) + ()), advantages.reshape(-1)
    b_returns, b_values = returns.reshape(-1), values.reshape(-1)
    b_inds, clipfracs = np.arange(steps * n), []
    for epoch in range(2):
        np.random.shuffle(b_inds)
        for start in range(0, steps * n, 64):
            mb = b_inds[start : start + 64]
            _, newlogprob, entropy, newvalue = agent.get_action_and_value(b_obs[mb], b_actions.long()[mb])
            logratio = newlogprob - b_logprobs[mb]
            ratio = logratio.exp()
            with torch.no_grad():
                approx_kl = ((ratio - 1) - logratio).mean()
                clipfracs += [((ratio - 1.0).abs() > 0.2).float().mean().item()]
            adv = b_advantages[mb]
            adv = (adv - adv.mean()) / (adv.std() + 1e-8)
            pg_loss = torch.max(-adv * ratio, -adv * torch.clamp(ratio, 1 - 0.2, 1 + 0.2)).mean()
            newvalue = newvalue.view(-1)
            clipped = b_values[mb] + torch.clamp(newvalue - b_values[mb], -0.2, 0.2)
            v_loss = 0.5 * torch.max((newvalue - b_returns[mb]) ** 2, (clipped - b_returns[mb]) ** 2).mean()
            loss = pg_loss - 0.01 * entropy.mean() + v_loss * 0.5
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(agent.parameters(), 0.5)
            optimizer.step()
    y_pred, y_true = b_values.cpu().numpy(), b_returns.cpu().numpy()
    explained = np.nan if np.var(y_true) == 0 else 1 - np.var(y_true - y_pred) / np.var(y_true)
    writer.add_scalar("losses/value_loss", v_loss.item(), update)
    print(
        update,
        f"{v_loss.item():.4f} {pg_loss.item():.4f} {approx_kl.item():.5f} {np.mean(clipfracs):.3f} {explained:.3f}",
    )
writer.close()
