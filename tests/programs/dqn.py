"""Deep Q-learning on a made-up task: a replay buffer of arrays, exploration that fades, a target network that is copied."""

import random
from dataclasses import dataclass

import numpy as np
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim

import torch


@dataclass
class Args:
    seed: int = 1
    torch_deterministic: bool = True
    cuda: bool = True
    total_timesteps: int = 240
    learning_rate: float = 2.5e-3
    buffer_size: int = 100
    gamma: float = 0.97
    tau: float = 1.0
    target_network_frequency: int = 50
    batch_size: int = 32
    start_e: float = 1.0
    end_e: float = 0.05
    exploration_fraction: float = 0.5
    learning_starts: int = 40
    train_frequency: int = 4


class Pendulum:
    """A point on a line that is pushed left or right and should stay near 0."""

    def reset(self, rng):
        self.x, self.v, self.t = rng.uniform(-1, 1), 0.0, 0
        return np.array([self.x, self.v], np.float32)

    def step(self, action):
        self.v = 0.9 * self.v + (0.1, -0.1, 0.0)[int(action)]
        self.x, self.t = self.x + self.v, self.t + 1
        terminated, truncated = abs(self.x) > 2, self.t >= 30
        return np.array([self.x, self.v], np.float32), 1.0 - abs(self.x), terminated, truncated


class ReplayBuffer:
    def __init__(self, size, device):
        self.size, self.device, self.pos, self.full = size, device, 0, False
        self.obs, self.next_obs = np.zeros((2, size, 2), np.float32)
        self.actions = np.zeros((size, 1), np.int64)
        self.rewards, self.dones = np.zeros((2, size), np.float32)

    def add(self, obs, next_obs, action, reward, done):
        i = self.pos
        self.obs[i], self.next_obs[i], self.actions[i], self.rewards[i], self.dones[i] = (
            obs,
            next_obs,
            action,
            reward,
            done,
        )
        self.pos = (i + 1) % self.size
        self.full = self.full or self.pos == 0

    def sample(self, n):
        index = np.random.randint(0, self.size if self.full else self.pos, size=n)
        arrays = (self.obs, self.next_obs, self.actions, self.rewards.reshape(-1, 1), self.dones.reshape(-1, 1))
        return [torch.as_tensor(a[index], device=self.device) for a in arrays]


class QNetwork(nn.Module):
    def __init__(self, actions):
        super().__init__()
        self.network = nn.Sequential(nn.Linear(2, 40), nn.ReLU(), nn.Linear(40, 24), nn.ReLU(), nn.Linear(24, actions))

    def forward(self, x):
        return self.network(x)


def linear_schedule(start_e, end_e, duration, t):
    return max((end_e - start_e) / duration * t + start_e, end_e)


args = Args()
random.seed(args.seed)
np.random.seed(args.seed)
torch.manual_seed(args.seed)
torch.backends.cudnn.deterministic = args.torch_deterministic
device = torch.device("cuda" if torch.cuda.is_available() and args.cuda else "cpu")
rng, env = np.random.default_rng(args.seed), Pendulum()
q_network, target_network = QNetwork(3).to(device), QNetwork(3).to(device)
optimizer = optim.Adam(q_network.parameters(), lr=args.learning_rate)
target_network.load_state_dict(q_network.state_dict())
buffer = ReplayBuffer(args.buffer_size, device)
obs, episode = env.reset(rng), 0.0
for global_step in range(args.total_timesteps):
    epsilon = linear_schedule(args.start_e, args.end_e, args.exploration_fraction * args.total_timesteps, global_step)
    if random.random() < epsilon:
        action = np.array(random.randrange(3))
    else:
        q_values = q_network(torch.Tensor(obs[None]).to(device))
        action = torch.argmax(q_values, dim=1).cpu().numpy()[0]
    next_obs, reward, terminated, truncated = env.step(action)
    episode += reward
    buffer.add(obs, next_obs, action, reward, terminated)
    obs = next_obs
    if terminated or truncated:
        print(f"global_step={global_step}, episodic_return={episode:.3f}, epsilon={epsilon:.3f}")
        obs, episode = env.reset(rng), 0.0
    if global_step > args.learning_starts:
        if global_step % args.train_frequency == 0:
            observations, next_observations, actions, rewards, dones = buffer.sample(args.batch_size)
            with torch.no_grad():
                target_max, _ = target_network(next_observations).max(dim=1)
                td_target = rewards.flatten() + args.gamma * target_max * (1 - dones.flatten())
            old_val = q_network(observations).gather(1, actions).squeeze()
            loss = F.mse_loss(td_target, old_val)
            if global_step % 20 == 0:
                print(global_step, f"loss {loss.item():.4f} q {old_val.mean().item():.4f}")
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        if global_step % args.target_network_frequency == 0:
            for target_param, q_param in zip(target_network.parameters(), q_network.parameters()):
                target_param.data.copy_(args.tau * q_param.data + (1.0 - args.tau) * target_param.data)
print(f"{sum(p.abs().sum().item() for p in target_network.parameters()):.3f}", next(q_network.parameters()).device)
