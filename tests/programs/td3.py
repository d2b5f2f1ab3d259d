"""Twin delayed deterministic policy gradients on a made-up task: smoothed target actions, two critics, a late actor."""

import numpy as np
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim

import torch


class Critic(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(4 + 2, 32)
        self.fc2 = nn.Linear(32, 32)
        self.fc3 = nn.Linear(32, 1)

    def forward(self, x, a):
        x = torch.cat([x, a], 1)
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        return self.fc3(x)


class Actor(nn.Module):
    def __init__(self, low, high):
        super().__init__()
        self.fc1 = nn.Linear(4, 32)
        self.fc_mu = nn.Linear(32, int(np.prod(low.shape)))
        self.register_buffer("action_scale", torch.tensor((high - low) / 2.0, dtype=torch.float32))
        self.register_buffer("action_bias", torch.tensor((high + low) / 2.0, dtype=torch.float32))

    def forward(self, x):
        return torch.tanh(self.fc_mu(F.relu(self.fc1(x)))) * self.action_scale + self.action_bias


low, high = np.array([-1.0, -2.0]), np.array([1.0, 3.0])
np.random.seed(5)
torch.manual_seed(5)
actor, target_actor = Actor(low, high), Actor(low, high)
qf1, qf2, qf1_target, qf2_target = Critic(), Critic(), Critic(), Critic()
target_actor.load_state_dict(actor.state_dict())
qf1_target.load_state_dict(qf1.state_dict())
qf2_target.load_state_dict(qf2.state_dict())
q_optimizer = optim.Adam(list(qf1.parameters()) + list(qf2.parameters()), lr=1e-3)
actor_optimizer = optim.Adam(list(actor.parameters()), lr=1e-3)
policy_noise, noise_clip, exploration, tau = 0.2, 0.5, 0.1, 0.05
obs, memory = np.random.normal(size=(1, 4)).astype(np.float32), []
for step in range(60):
    with torch.no_grad():
        actions = actor(torch.Tensor(obs))
        actions += torch.normal(0, actor.action_scale * exploration)
        actions = actions.cpu().numpy().clip(low, high)
    next_obs = (0.9 * obs + 0.1 * actions.sum() * np.ones(4)).astype(np.float32)
    memory.append((obs[0], actions[0], -float((next_obs**2).sum()), next_obs[0]))
    obs = next_obs
    if step < 20:
        continue
    picked = [memory[i] for i in np.random.randint(0, len(memory), 16)]
    s, a, r, s2 = (torch.tensor(np.array(column), dtype=torch.float32) for column in zip(*picked))
    with torch.no_grad():
        clipped_noise = (torch.randn_like(a) * policy_noise).clamp(-noise_clip, noise_clip) * target_actor.action_scale
        next_state_actions = (target_actor(s2) + clipped_noise).clamp(
            torch.tensor(low, dtype=torch.float32), torch.tensor(high, dtype=torch.float32)
        )
        min_qf_next_target = torch.min(qf1_target(s2, next_state_actions), qf2_target(s2, next_state_actions))
        next_q_value = r.flatten() + 0.99 * min_qf_next_target.view(-1)
    qf1_a_values, qf2_a_values = qf1(s, a).view(-1), qf2(s, a).view(-1)
    qf_loss = F.mse_loss(qf1_a_values, next_q_value) + F.mse_loss(qf2_a_values, next_q_value)
    q_optimizer.zero_grad()
    qf_loss.backward()
    q_optimizer.step()
    if step % 2 == 0:
        actor_loss = -qf1(s, actor(s)).mean()
        actor_optimizer.zero_grad()
        actor_loss.backward()
        actor_optimizer.step()
        with torch.no_grad():
            pairs = ((actor, target_actor), (qf1, qf1_target), (qf2, qf2_target))
            for net, target in pairs:
                for param, target_param in zip(net.parameters(), target.parameters()):
                    target_param.lerp_(param, tau)
    if step % 8 == 4:
        print(step, f"{qf_loss.item():.4f} {actor_loss.item():.4f} {qf1_a_values.mean().item():.4f}")
print(actor(torch.zeros(1, 4)).detach().numpy().round(3).shape, f"{target_actor.fc_mu.weight.norm().item():.5f}")
