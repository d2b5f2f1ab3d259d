"""Soft actor-critic on a made-up task: target networks, squashed Gaussian policy, an entropy coefficient that is learned."""

import numpy as np
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim

import torch

LOG_STD_MAX, LOG_STD_MIN = 2, -5


class SoftQNetwork(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc2, self.fc3 = nn.Linear(3 + 1, 32), nn.Linear(32, 32), nn.Linear(32, 1)

    def forward(self, x, a):
        x = torch.cat([x, a], 1)
        return self.fc3(F.relu(self.fc2(F.relu(self.fc1(x)))))


class Actor(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(3, 32), nn.Linear(32, 32)
        self.fc_mean, self.fc_logstd = nn.Linear(32, 1), nn.Linear(32, 1)
        self.register_buffer("action_scale", torch.tensor((2.0 + 2.0) / 2.0, dtype=torch.float32))
        self.register_buffer("action_bias", torch.tensor((2.0 - 2.0) / 2.0, dtype=torch.float32))

    def forward(self, x):
        x = F.relu(self.fc2(F.relu(self.fc1(x))))
        log_std = torch.tanh(self.fc_logstd(x))
        return self.fc_mean(x), LOG_STD_MIN + 0.5 * (LOG_STD_MAX - LOG_STD_MIN) * (log_std + 1)

    def get_action(self, x):
        mean, log_std = self(x)
        normal = torch.distributions.Normal(mean, log_std.exp())
        x_t = normal.rsample()
        y_t = torch.tanh(x_t)
        log_prob = normal.log_prob(x_t)
        log_prob -= torch.log(self.action_scale * (1 - y_t.pow(2)) + 1e-6)
        return y_t * self.action_scale + self.action_bias, log_prob.sum(1, keepdim=True), torch.tanh(mean)


np.random.seed(0)
torch.manual_seed(0)
device = torch.device("cpu")
actor = Actor().to(device)
qf1, qf2, qf1_target, qf2_target = (SoftQNetwork().to(device) for _ in range(4))
qf1_target.load_state_dict(qf1.state_dict())
qf2_target.load_state_dict(qf2.state_dict())
q_optimizer = optim.Adam(list(qf1.parameters()) + list(qf2.parameters()), lr=1e-3)
actor_optimizer = optim.Adam(list(actor.parameters()), lr=3e-4)
target_entropy = -torch.prod(torch.Tensor((1,)).to(device)).item()
log_alpha = torch.zeros(1, requires_grad=True, device=device)
alpha, a_optimizer = log_alpha.exp().item(), optim.Adam([log_alpha], lr=1e-3)
rng = np.random.default_rng(0)
for step in range(12):
    observations = torch.tensor(rng.normal(size=(32, 3)), dtype=torch.float32)
    actions = torch.tensor(rng.uniform(-2, 2, size=(32, 1)), dtype=torch.float32)
    rewards = -(actions - observations[:, :1]).pow(2)
    following = observations + 0.1 * torch.randn_like(observations)
    dones = torch.zeros(32, 1)
    with torch.no_grad():
        next_actions, next_log_pi, _ = actor.get_action(following)
        q1, q2 = qf1_target(following, next_actions), qf2_target(following, next_actions)
        target = torch.min(q1, q2) - alpha * next_log_pi
        next_q = rewards.flatten() + (1 - dones.flatten()) * 0.99 * target.view(-1)
    v1, v2 = qf1(observations, actions).view(-1), qf2(observations, actions).view(-1)
    qf_loss = F.mse_loss(v1, next_q) + F.mse_loss(v2, next_q)
    q_optimizer.zero_grad()
    qf_loss.backward()
    q_optimizer.step()
    pi, log_pi, _ = actor.get_action(observations)
    actor_loss = ((alpha * log_pi) - torch.min(qf1(observations, pi), qf2(observations, pi))).mean()
    actor_optimizer.zero_grad()
    actor_loss.backward()
    actor_optimizer.step()
    with torch.no_grad():
        _, log_pi, _ = actor.get_action(observations)
    alpha_loss = (-log_alpha.exp() * (log_pi + target_entropy)).mean()
    a_optimizer.zero_grad()
    alpha_loss.backward()
    a_optimizer.step()
    alpha = log_alpha.exp().item()
    for q, q_target in ((qf1, qf1_target), (qf2, qf2_target)):
        for param, target_param in zip(q.parameters(), q_target.parameters()):
            target_param.data.copy_(0.05 * param.data + (1 - 0.05) * target_param.data)
    print(step, f"{qf_loss.item():.4f} {actor_loss.item():.4f} {alpha:.5f}")
print(f"{sum(p.sum() for p in qf1_target.parameters()).item():.4f}")
