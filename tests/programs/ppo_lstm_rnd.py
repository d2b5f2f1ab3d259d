"""Proximal policy optimisation with continuous actions, an LSTM that is reset where an episode ends, and curiosity (RND)."""

import numpy as np
import torch.nn as nn
import torch.optim as optim
from torch.distributions.normal import Normal

import torch


def layer_init(layer, std=np.sqrt(2), bias_const=0.0):
    torch.nn.init.orthogonal_(layer.weight, std)
    torch.nn.init.constant_(layer.bias, bias_const)
    return layer


class Agent(nn.Module):
    def __init__(self):
        super().__init__()
        self.network = nn.Sequential(layer_init(nn.Linear(4, 16)), nn.Tanh())
        self.lstm = nn.LSTM(16, 12)
        for name, param in self.lstm.named_parameters():
            if "bias" in name:
                nn.init.constant_(param, 0)
            elif "weight" in name:
                nn.init.orthogonal_(param, 1.0)
        self.actor_mean = layer_init(nn.Linear(12, 2), std=0.01)
        self.actor_logstd = nn.Parameter(torch.zeros(1, 2))
        self.critic_ext, self.critic_int = layer_init(nn.Linear(12, 1), std=1), layer_init(nn.Linear(12, 1), std=1)

    def get_states(self, x, lstm_state, done):
        hidden = self.network(x)
        batch_size = lstm_state[0].shape[1]
        hidden = hidden.reshape((-1, batch_size, self.lstm.input_size))
        done = done.reshape((-1, batch_size))
        new_hidden = []
        for h, d in zip(hidden, done):
            mask = (1.0 - d).view(1, -1, 1)
            h, lstm_state = self.lstm(h.unsqueeze(0), (mask * lstm_state[0], mask * lstm_state[1]))
            new_hidden += [h]
        return torch.flatten(torch.cat(new_hidden), 0, 1), lstm_state

    def get_action_and_value(self, x, lstm_state, done, action=None):
        hidden, lstm_state = self.get_states(x, lstm_state, done)
        action_mean = self.actor_mean(hidden)
        probs = Normal(action_mean, torch.exp(self.actor_logstd.expand_as(action_mean)))
        if action is None:
            action = probs.sample()
        values = self.critic_ext(hidden), self.critic_int(hidden)
        return action, probs.log_prob(action).sum(1), probs.entropy().sum(1), values, lstm_state


class RNDModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.predictor = nn.Sequential(layer_init(nn.Linear(4, 16)), nn.LeakyReLU(), layer_init(nn.Linear(16, 8)))
        self.target = nn.Sequential(layer_init(nn.Linear(4, 8)))
        for param in self.target.parameters():
            param.requires_grad = False

    def forward(self, next_obs):
        return self.predictor(next_obs), self.target(next_obs)


class RunningMeanStd:
    def __init__(self, shape=()):
        self.mean, self.var, self.count = np.zeros(shape), np.ones(shape), 1e-4

    def update(self, x):
        delta, n = x.mean(0) - self.mean, self.count + len(x)
        m2 = self.var * self.count + x.var(0) * len(x) + delta**2 * self.count * len(x) / n
        self.mean, self.var, self.count = self.mean + delta * len(x) / n, m2 / n, n


steps, envs, minibatches = 16, 4, 2
rng = np.random.default_rng(3)
torch.manual_seed(3)
agent, rnd = Agent(), RNDModel()
print(agent, sum(p.numel() for p in rnd.parameters() if p.requires_grad))
optimizer = optim.Adam(list(agent.parameters()) + list(rnd.predictor.parameters()), lr=1e-3, eps=1e-5)
obs, actions = torch.zeros((steps, envs, 4)), torch.zeros((steps, envs, 2))
logprobs, rewards, curiosity, dones, values_ext, values_int = (torch.zeros((steps, envs)) for _ in range(6))
scale = RunningMeanStd()
next_obs, next_done = torch.Tensor(rng.normal(size=(envs, 4))), torch.zeros(envs)
next_lstm_state = (torch.zeros(agent.lstm.num_layers, envs, 12), torch.zeros(agent.lstm.num_layers, envs, 12))
for update in range(1, 4):
    initial_lstm_state = (next_lstm_state[0].clone(), next_lstm_state[1].clone())
    optimizer.param_groups[0]["lr"] = (1.0 - (update - 1.0) / 3) * 1e-3
    for step in range(steps):
        obs[step], dones[step] = next_obs, next_done
        with torch.no_grad():
            action, logprob, _, (v_ext, v_int), next_lstm_state = agent.get_action_and_value(
                next_obs, next_lstm_state, next_done
            )
            values_ext[step], values_int[step] = v_ext.flatten(), v_int.flatten()
        actions[step], logprobs[step] = action, logprob
        pushed = np.clip(action.cpu().numpy(), -2.0, 2.0)
        state = 0.8 * next_obs.numpy() + 0.2 * np.concatenate([pushed, -pushed], 1)
        rewards[step] = torch.tensor(-(state**2).sum(1)).view(-1)
        next_done = torch.Tensor((rng.random(envs) < 0.1).astype(np.float32))
        next_obs = torch.Tensor(np.where(next_done.numpy()[:, None] > 0, rng.normal(size=(envs, 4)), state))
        predicted, wanted = rnd(next_obs)
        curiosity[step] = ((wanted - predicted).pow(2).sum(1) / 2).data
    scale.update(curiosity.flatten().numpy())
    curiosity /= np.sqrt(scale.var)
    with torch.no_grad():
        _, _, _, (next_ext, next_int), _ = agent.get_action_and_value(next_obs, next_lstm_state, next_done)
        advantages = torch.zeros_like(rewards)
        for reward, value, following, factor in (
            (rewards, values_ext, next_ext.reshape(1, -1), 1.0), (curiosity, values_int, next_int.reshape(1, -1), 0.5),
        ):  # fmt: skip
            lastgaelam = 0
            for t in reversed(range(steps)):
                alive = 1.0 - (next_done if t == steps - 1 else dones[t + 1])
                after = following if t == steps - 1 else value[t + 1]
                delta = reward[t] + 0.99 * after * alive - value[t]
                lastgaelam = delta + 0.99 * 0.95 * alive * lastgaelam
                advantages[t] += factor * lastgaelam.reshape(-1)
        returns = advantages + values_ext
    envinds, flatinds = np.arange(envs), np.arange(steps * envs).reshape(steps, envs)
    for epoch in range(2):
        rng.shuffle(envinds)
        for start in range(0, envs, envs // minibatches):
            mbenvinds = envinds[start : start + envs // minibatches]
            mb_inds = flatinds[:, mbenvinds].ravel()
            state = (initial_lstm_state[0][:, mbenvinds], initial_lstm_state[1][:, mbenvinds])
            _, newlogprob, entropy, (newvalue, new_int), _ = agent.get_action_and_value(
                obs.reshape(-1, 4)[mb_inds], state, dones.reshape(-1)[mb_inds], actions.reshape(-1, 2)[mb_inds]
            )
            logratio = newlogprob - logprobs.reshape(-1)[mb_inds]
            ratio = logratio.exp()
            with torch.no_grad():
                approx_kl, clipfrac = ((ratio - 1) - logratio).mean(), ((ratio - 1.0).abs() > 0.2).float().mean().item()
            mb_advantages = advantages.reshape(-1)[mb_inds]
            mb_advantages = (mb_advantages - mb_advantages.mean()) / (mb_advantages.std() + 1e-8)
            pg_loss = torch.max(-mb_advantages * ratio, -mb_advantages * torch.clamp(ratio, 1 - 0.2, 1 + 0.2)).mean()
            v_loss = (
                0.5 * ((newvalue.view(-1) - returns.reshape(-1)[mb_inds]) ** 2).mean() + 0.1 * new_int.pow(2).mean()
            )
            predicted, wanted = rnd(obs.reshape(-1, 4)[mb_inds])
            forward_loss = nn.functional.mse_loss(predicted, wanted.detach(), reduction="none").mean(-1)
            mask = (torch.rand(len(forward_loss)) < 0.25).type(torch.FloatTensor)
            forward_loss = (forward_loss * mask).sum() / torch.max(mask.sum(), torch.tensor([1]))
            loss = pg_loss - 0.01 * entropy.mean() + v_loss * 0.5 + forward_loss
            optimizer.zero_grad()
            loss.backward()
            norm = nn.utils.clip_grad_norm_(agent.parameters(), 0.5)
            optimizer.step()
    y_pred, y_true = values_ext.reshape(-1).cpu().numpy(), returns.reshape(-1).cpu().numpy()
    explained = 1 - np.var(y_true - y_pred) / np.var(y_true)
    print(
        update,
        f"{pg_loss.item():.4f} {v_loss.item():.4f} {norm.item():.3f} {approx_kl.item():.4f} {clipfrac:.2f} {explained:.3f}",
    )
