"""Siamese networks on made-up pictures: pairs judged alike or not, triplets with mined negatives, and forward-forward layers."""

import random

import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from torch.utils.data import DataLoader, Dataset, WeightedRandomSampler

import torch


class Shapes(Dataset):
    """Pairs of noisy pictures of one class, or of two."""

    def __init__(self, n, noise=0.3):
        self.classes = torch.stack([torch.eye(8), torch.eye(8).flip(1), torch.ones(8, 8).tril()])
        self.labels = torch.arange(n) % 3
        self.data = self.classes[self.labels] + noise * torch.randn(n, 8, 8)
        self.group_examples()

    def group_examples(self):
        self.grouped = {c: torch.where(self.labels == c)[0] for c in range(3)}

    def __len__(self):
        return len(self.data)

    def __getitem__(self, index):
        selected = random.randint(0, 2)
        first = self.data[random.choice(self.grouped[selected].tolist())].clone().float()
        other = selected if index % 2 == 0 else (selected + random.randint(1, 2)) % 3
        second = self.data[random.choice(self.grouped[other].tolist())]
        return first.unsqueeze(0), second[None], torch.tensor(float(index % 2 == 0), dtype=torch.float)


class Siamese(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = nn.Sequential(nn.Conv2d(1, 6, 3), nn.PReLU(), nn.MaxPool2d(2), nn.Flatten(1))
        self.fc_in_features = self.backbone(torch.zeros(1, 1, 8, 8)).shape[-1]
        self.fc = nn.Sequential(nn.Linear(self.fc_in_features * 2, 16), nn.ReLU(inplace=True), nn.Linear(16, 1))
        self.sigmoid = nn.Sigmoid()
        self.backbone.apply(self.init_weights)
        self.fc.apply(self.init_weights)

    def init_weights(self, m):
        if isinstance(m, nn.Linear):
            torch.nn.init.xavier_uniform_(m.weight)
            m.bias.data.fill_(0.01)

    def forward_once(self, x):
        output = self.backbone(x)
        return output.view(output.size()[0], -1)

    def forward(self, input1, input2):
        output1, output2 = self.forward_once(input1), self.forward_once(input2)
        return self.sigmoid(self.fc(torch.cat((output1, output2), 1)))


random.seed(0)
torch.manual_seed(0)
dataset = Shapes(48)
loader = DataLoader(dataset, batch_size=12, shuffle=True)
model = Siamese()
optimizer = optim.Adadelta(model.parameters(), lr=1.0)
scheduler = optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=0)
criterion = nn.BCELoss()
for epoch in range(3):
    total = correct = 0
    for images_1, images_2, targets in loader:
        optimizer.zero_grad()
        outputs = model(images_1, images_2).squeeze()
        loss = criterion(outputs, targets)
        loss.backward()
        optimizer.step()
        total += loss.sum().item()
        pred = torch.where(outputs > 0.5, 1, 0)
        correct += pred.eq(targets.view_as(pred)).sum().item()
    scheduler.step(total)
    print(f"Epoch {epoch} loss {total / 4:.4f} accuracy {correct}/48 lr {optimizer.param_groups[0]['lr']}")

# triplets: the hardest negative of the batch, drawn by weights
embed = nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.BatchNorm1d(16), nn.ReLU6(), nn.Linear(16, 4))
optimizer = optim.NAdam(embed.parameters(), lr=0.01)
weights = 1.0 / torch.bincount(dataset.labels)[dataset.labels].float()
sampler = WeightedRandomSampler(weights, 24, replacement=True, generator=torch.Generator().manual_seed(5))
triplet = nn.TripletMarginWithDistanceLoss(distance_function=lambda a, b: 1 - F.cosine_similarity(a, b), margin=0.3)
for step in range(4):
    at = torch.tensor(list(sampler))
    codes, labels = embed(dataset.data[at]), dataset.labels[at]
    distances = torch.cdist(codes, codes)
    same = labels[:, None] == labels[None]
    positive = distances.masked_fill(~same, -1.0).argmax(1)
    negative = distances.masked_fill(same, float("inf")).argmin(1)
    loss = triplet(codes, codes[positive], codes[negative]) + F.triplet_margin_loss(
        codes, codes[positive], codes[negative]
    )
    cosine = nn.CosineEmbeddingLoss(margin=0.2)(codes[:-1], codes[1:], torch.where(labels[:-1] == labels[1:], 1, -1))
    optimizer.zero_grad()
    (loss + cosine).backward()
    optimizer.step()
    print(step, f"{loss.item():.4f} {cosine.item():.4f}", (negative != positive).sum().item())
with torch.no_grad():
    codes = F.normalize(embed.eval()(dataset.data))
    near = (codes @ codes.T).fill_diagonal_(-1).topk(3).indices
    print("retrieved", (dataset.labels[near] == dataset.labels[:, None]).float().mean().item())


class Layer(nn.Linear):
    """Trained by itself: the mean square of its outputs is large for real examples, and small for made-up ones."""

    def __init__(self, in_features, out_features):
        super().__init__(in_features, out_features)
        self.relu, self.threshold = torch.nn.ReLU(), 1.0
        self.opt = optim.Adam(self.parameters(), lr=0.03)

    def forward(self, x):
        x_direction = x / (x.norm(2, 1, keepdim=True) + 1e-4)
        return self.relu(torch.mm(x_direction, self.weight.T) + self.bias.unsqueeze(0))

    def train_both(self, x_pos, x_neg, epochs):
        for _ in range(epochs):
            g_pos, g_neg = self.forward(x_pos).pow(2).mean(1), self.forward(x_neg).pow(2).mean(1)
            loss = torch.log(1 + torch.exp(torch.cat([-g_pos + self.threshold, g_neg - self.threshold]))).mean()
            self.opt.zero_grad()
            loss.backward()
            self.opt.step()
        return self.forward(x_pos).detach(), self.forward(x_neg).detach(), loss.item()


def overlay(x, y):
    x_ = x.clone()
    x_[:, :3] *= 0.0
    x_[range(x.shape[0]), y] = x.max()
    return x_


torch.manual_seed(1234)
x, y = dataset.data.flatten(1), dataset.labels
layers = [Layer(64, 24), Layer(24, 16)]
h_pos, h_neg = overlay(x, y), overlay(x, (y + torch.randint(1, 3, y.shape)) % 3)
for layer in layers:
    h_pos, h_neg, loss = layer.train_both(h_pos, h_neg, 15)
    print(layer, f"{loss:.4f}")
goodness = []
for label in range(3):
    h, total = overlay(x, label), []
    for layer in layers:
        h = layer(h)
        total += [h.pow(2).mean(1)]
    goodness += [sum(total).unsqueeze(1)]
print("error", round(1.0 - torch.cat(goodness, 1).argmax(1).eq(y).float().mean().item(), 4))
