"""Soft actor-critic with discrete actions on made-up pictures of bytes: a shared encoder's layout, expectations over actions."""

import numpy as np
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from torch.distributions.categorical import Categorical

import torch


def layer_init(layer, bias_const=0.0):
    nn.init.kaiming_normal_(layer.weight)
    torch.nn.init.constant_(layer.bias, bias_const)
    return layer


class Network(nn.Module):
    def __init__(self, actions):
        super().__init__()
        self.conv = nn.Sequential(
            layer_init(nn.Conv2d(2, 8, kernel_size=4, stride=2)),
            nn.ReLU(),
            layer_init(nn.Conv2d(8, 8, 3, stride=1)),
            nn.Flatten(),
        )
        with torch.inference_mode():
            output_dim = self.conv(torch.zeros(1, 2, 16, 16)).shape[1]
        self.fc1 = layer_init(nn.Linear(output_dim, 24))
        self.fc2 = layer_init(nn.Linear(24, actions))

    def forward(self, x):
        return self.fc2(F.relu(self.fc1(F.relu(self.conv(x / 255.0)))))


class Actor(Network):
    def get_action(self, x):
        logits = self(x)
        policy_dist = Categorical(logits=logits)
        action = policy_dist.sample()
        action_probs = policy_dist.probs
        log_prob = F.log_softmax(logits, dim=1)
        return action, log_prob, action_probs


rng = np.random.default_rng(0)
torch.manual_seed(0)
actor, qf1, qf2, qf1_target, qf2_target = Actor(3), Network(3), Network(3), Network(3), Network(3)
qf1_target.load_state_dict(qf1.state_dict())
qf2_target.load_state_dict(qf2.state_dict())
q_optimizer = optim.Adam(list(qf1.parameters()) + list(qf2.parameters()), lr=3e-4, eps=1e-4)
actor_optimizer = optim.Adam(list(actor.parameters()), lr=3e-4, eps=1e-4)
target_entropy = -0.89 * torch.log(1 / torch.tensor(3))
log_alpha = torch.zeros(1, requires_grad=True)
alpha = log_alpha.exp().item()
a_optimizer = optim.Adam([log_alpha], lr=3e-4, eps=1e-4)
print(qf1.fc1, f"{target_entropy.item():.4f}")
for step in range(8):
    s, s2 = torch.tensor(rng.integers(0, 256, size=(2, 16, 2, 16, 16)).astype(np.uint8))
    actions, _, _ = actor.get_action(s)
    rewards = (actions == 1).float() - 0.5
    dones = (torch.arange(16) % 5 == 0).to(torch.float32)
    with torch.no_grad():
        _, next_log_pi, next_probs = actor.get_action(s2)
        min_q = next_probs * (torch.min(qf1_target(s2), qf2_target(s2)) - alpha * next_log_pi)
        next_q_value = rewards.flatten() + (1 - dones.flatten()) * 0.99 * min_q.sum(dim=1)
    qf1_a, qf2_a = (q(s).gather(1, actions.unsqueeze(-1).long()).view(-1) for q in (qf1, qf2))
    qf_loss = F.mse_loss(qf1_a, next_q_value) + F.mse_loss(qf2_a, next_q_value)
    q_optimizer.zero_grad()
    qf_loss.backward()
    q_optimizer.step()
    _, log_pi, action_probs = actor.get_action(s)
    with torch.no_grad():
        min_qf_values = torch.min(qf1(s), qf2(s))
    actor_loss = (action_probs * ((alpha * log_pi) - min_qf_values)).mean()
    actor_optimizer.zero_grad()
    actor_loss.backward()
    actor_optimizer.step()
    alpha_loss = (action_probs.detach() * (-log_alpha.exp() * (log_pi + target_entropy).detach())).mean()
    a_optimizer.zero_grad()
    alpha_loss.backward()
    a_optimizer.step()
    alpha = log_alpha.exp().item()
    for param, target_param in zip(qf1.parameters(), qf1_target.parameters()):
        target_param.data.mul_(1 - 0.1).add_(0.1 * param.data)
    print(step, f"{qf_loss.item():.4f} {actor_loss.item():.4f} {alpha:.5f}", actions.bincount(minlength=3).tolist())
