"""Distributional Q-learning (C51): atoms of returns, a Bellman update projected onto them with index_add_, cross entropy."""

import numpy as np
import torch.nn as nn
import torch.optim as optim

import torch


class QNetwork(nn.Module):
    def __init__(self, n, n_atoms=21, v_min=-4, v_max=4):
        super().__init__()
        self.n_atoms, self.n = n_atoms, n
        self.register_buffer("atoms", torch.linspace(v_min, v_max, steps=n_atoms))
        self.network = nn.Sequential(
            nn.Linear(3, 30), nn.ReLU(), nn.Linear(30, 20), nn.ReLU(), nn.Linear(20, n * n_atoms)
        )

    def get_action(self, x, action=None):
        logits = self.network(x)
        pmfs = torch.softmax(logits.view(len(x), self.n, self.n_atoms), dim=2)
        q_values = (pmfs * self.atoms).sum(2)
        if action is None:
            action = torch.argmax(q_values, 1)
        return action, pmfs[torch.arange(len(x)), action]


rng = np.random.default_rng(2)
torch.manual_seed(2)
q_network = QNetwork(4)
optimizer = optim.Adam(q_network.parameters(), lr=1e-2, eps=0.01 / 32)
target_network = QNetwork(4)
target_network.load_state_dict(q_network.state_dict())
print(sorted(q_network.state_dict())[:2], len(list(q_network.buffers())))
gamma, batch = 0.9, 32
for step in range(25):
    observations = torch.from_numpy(rng.normal(size=(batch, 3)).astype(np.float32))
    actions = torch.from_numpy(rng.integers(0, 4, size=(batch, 1)))
    rewards = torch.from_numpy(rng.normal(size=(batch, 1)).round().astype(np.float32)) + (actions == 1)
    dones = torch.from_numpy((rng.random((batch, 1)) < 0.3).astype(np.float32))
    with torch.no_grad():
        _, next_pmfs = target_network.get_action(observations + 0.1)
        next_atoms = rewards + gamma * target_network.atoms * (1 - dones)
        # projection
        delta_z = target_network.atoms[1] - target_network.atoms[0]
        tz = next_atoms.clamp(-4, 4)
        b = (tz - -4) / delta_z
        l, u = b.floor().clamp(0, 20), b.ceil().clamp(0, 20)
        d_m_l = (u + (l == u).float() - b) * next_pmfs
        d_m_u = (b - l) * next_pmfs
        target_pmfs = torch.zeros_like(next_pmfs)
        for i in range(target_pmfs.size(0)):
            target_pmfs[i].index_add_(0, l[i].long(), d_m_l[i])
            target_pmfs[i].index_add_(0, u[i].long(), d_m_u[i])
    _, old_pmfs = q_network.get_action(observations, actions.flatten())
    loss = (-(target_pmfs * old_pmfs.clamp(min=1e-5, max=1 - 1e-5).log()).sum(-1)).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 4 == 0:
        old_val = (old_pmfs * q_network.atoms).sum(1)
        print(f"{step} {loss.item():.4f} {old_val.mean().item():.4f} {target_pmfs.sum(1).min().item():.4f}")
    if step % 10 == 0:
        target_network.load_state_dict(q_network.state_dict())
action, pmf = q_network.get_action(torch.zeros(1, 3))
print(action.cpu().numpy(), pmf.shape, f"{pmf.var(unbiased=False).item():.6f}", q_network.atoms[:3])
