"""A vision transformer on made-up pictures: patches by unfold and by convolution, stochastic depth, mix-up, an averaged model."""

import torch.nn.functional as F
from torch import einsum, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

import torch


class PatchEmbedding(nn.Module):
    def __init__(self, size, patch, dim):
        super().__init__()
        self.patch = patch
        self.proj = nn.Linear(3 * patch * patch, dim)
        self.class_token = nn.Parameter(torch.randn(1, 1, dim) * 0.02)
        self.pos = nn.Parameter(torch.zeros(1, (size // patch) ** 2 + 1, dim))
        nn.init.trunc_normal_(self.pos, std=0.02)

    def forward(self, x):
        p = self.patch
        x = x.unfold(2, p, p).unfold(3, p, p)  # B C H' W' p p
        x = x.permute(0, 2, 3, 1, 4, 5).flatten(start_dim=3).flatten(1, 2)
        x = self.proj(x)
        return torch.cat([self.class_token.expand(x.shape[0], -1, -1), x], dim=1) + self.pos


class Attention(nn.Module):
    def __init__(self, dim, heads, drop=0.1):
        super().__init__()
        self.heads, self.scale = heads, (dim // heads) ** -0.5
        self.to_qkv, self.out, self.drop = nn.Linear(dim, dim * 3, bias=False), nn.Linear(dim, dim), nn.Dropout(drop)
        self.q_norm = nn.RMSNorm(dim // heads, eps=1e-6)

    def forward(self, x):
        b, n, _ = x.shape
        q, k, v = (t.reshape(b, n, self.heads, -1) for t in self.to_qkv(x).chunk(3, dim=-1))
        dots = einsum("b i h d, b j h d -> b h i j", self.q_norm(q), k) * self.scale
        attn = self.drop(dots.softmax(dim=-1))
        out = einsum("bhij,bjhd->bihd", attn, v).reshape(b, n, -1)
        return self.out(out)


class DropPath(nn.Module):
    def __init__(self, p):
        super().__init__()
        self.p = p

    def forward(self, x):
        if self.p == 0.0 or not self.training:
            return x
        keep = 1 - self.p
        mask = x.new_empty((x.shape[0],) + (1,) * (x.ndim - 1)).bernoulli_(keep)
        return x * mask.div_(keep)

    def extra_repr(self):
        return f"p={self.p:.2f}"


class LayerScale(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.gamma = nn.Parameter(1e-1 * torch.ones(dim))

    def forward(self, x):
        return x * self.gamma


class Block(nn.Module):
    def __init__(self, dim, heads, p):
        super().__init__()
        self.norm1, self.attn, self.ls1, self.path1 = (
            nn.LayerNorm(dim, eps=1e-6),
            Attention(dim, heads),
            LayerScale(dim),
            DropPath(p),
        )
        mlp = nn.Sequential(
            nn.Linear(dim, dim * 2), nn.GELU(approximate="tanh"), nn.Dropout(0.1), nn.Linear(dim * 2, dim)
        )
        self.norm2, self.mlp, self.ls2, self.path2 = nn.LayerNorm(dim), mlp, LayerScale(dim), DropPath(p)

    def forward(self, x):
        x = x + self.path1(self.ls1(self.attn(self.norm1(x))))
        return x + self.path2(self.ls2(self.mlp(self.norm2(x))))


class ViT(nn.Module):
    def __init__(self, size=16, patch=4, dim=16, depth=2, heads=2, classes=4):
        super().__init__()
        self.embed = PatchEmbedding(size, patch, dim)
        rates = [x.item() for x in torch.linspace(0, 0.2, depth)]
        self.blocks = nn.Sequential(*[Block(dim, heads, rates[i]) for i in range(depth)])
        self.head = nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, classes))
        self.apply(self._init_weights)

    def _init_weights(self, m):
        if isinstance(m, nn.Linear):
            nn.init.trunc_normal_(m.weight, std=0.02)
            if m.bias is not None:
                nn.init.zeros_(m.bias)

    def forward(self, x):
        return self.head(self.blocks(self.embed(x))[:, 0])


def mixup(x, y, classes, alpha=0.4):
    lam = torch.distributions.Beta(alpha, alpha).sample().item()
    index, hot = torch.randperm(x.size(0)), F.one_hot(y, classes).float()
    return lam * x + (1 - lam) * x[index], lam * hot + (1 - lam) * hot[index], lam


def soft_cross_entropy(logits, target):
    return torch.sum(-target * F.log_softmax(logits, dim=-1), dim=-1).mean()


torch.manual_seed(1)
model = ViT()
print(model.blocks[1])
with torch.no_grad():  # the same patches by a convolution
    conv = nn.Conv2d(3, 16, 4, stride=4)
    conv.weight.copy_(model.embed.proj.weight.view(16, 3, 4, 4))
    conv.bias.copy_(model.embed.proj.bias)
    picture = torch.rand(2, 3, 16, 16)
    patches = conv(picture).flatten(2).transpose(1, 2)
    model.eval()
    print(torch.allclose(patches, (model.embed(picture) - model.embed.pos)[:, 1:], atol=1e-5), patches.is_contiguous())
averaged = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.9))
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.05)
scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=5e-3, total_steps=16, pct_start=0.25)
data = torch.rand(64, 3, 16, 16)
labels = torch.arange(64) % 4
data[torch.arange(64), labels % 3] += labels.view(-1, 1, 1) * 0.3
for step in range(16):
    model.train()
    at = torch.randint(0, 64, (16,))
    x, y, lam = mixup(data[at], labels[at], 4)
    loss = soft_cross_entropy(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    grad_norm = torch.nn.utils.get_total_norm([p.grad for p in model.parameters()])
    optimizer.step()
    scheduler.step()
    averaged.update_parameters(model)
    if step % 3 == 0:
        print(step, f"{loss.item():.4f} {lam:.4f} {grad_norm.item():.3f} {scheduler.get_last_lr()[0]:.6f}")
with torch.inference_mode():
    for m in (model.eval(), averaged.eval()):
        probabilities = m(data).softmax(-1)
        print(
            f"{(probabilities.argmax(-1) == labels).float().mean().item():.4f} {probabilities.amax(-1).mean().item():.4f}"
        )
print(averaged.n_averaged, sum(b.numel() for b in averaged.buffers()))
