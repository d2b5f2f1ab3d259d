"""Mistakes about layers, losses and steps, as programs make them: those of tests/test_error_moments.py.

A program is followed by parts of what it is told. `@cut` is the line that ends in `# cut`; the message comes at `# here`.
"""

LINEAR = [
    (
        """
model = nn.Sequential(nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Linear(64, 10))
model(mg.ones((32, 1, 28, 28)))  # here
""",
        [
            "Linear(64→10) got 128 features from `model.1` Linear(784→128)",
            "Change to Linear(128, 10)",
            "in `model.3`",
            "MG159",
        ],
    ),
    (
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(784, 128), nn.Linear(64, 10)
    def forward(self, x):
        return self.fc2(mg.relu(self.fc1(x)))  # here
net = Net()
with mg.no_grad():
    net(mg.ones((32, 784)))
""",
        ["Linear(64→10) got 128 features from `net.fc1` Linear(784→128)", "Linear(128, 10)", "in `net.fc2`", "MG159"],
    ),
    (
        """
net = nn.Sequential(nn.Linear(784, 5))
net(mg.ones((32, 1, 28, 28)))  # here
""",
        ["Linear(784→5) got 28 features", "Input (32, 1, 28, 28) is not flat", "`nn.Flatten()`", "in `net.0`", "MG159"],
    ),
    (
        """
net = nn.Linear(1, 1)
net(mg.ones(32))  # here
""",
        ["Linear(1→1) got 32 features", "Input (32,)", "`x[:, None]`", "in `net`", "MG159"],
    ),
    (
        """
x, w1, w2 = mg.ones((32, 784)), mg.ones((784, 128)), mg.ones((64, 10))
y = (x @ w1) @ w2  # here
""",
        ["shapes (32, 128) and (64, 10)", "length 128", "should have the shape (128, 10)", "MG134"],
    ),
    (
        """
x, w = mg.ones((32, 784)), mg.ones((128, 784))
y = x @ w  # here
""",
        ["shapes (32, 784) and (128, 784)", "`x @ w.mT`", "MG134"],
    ),
]

CONVOLUTION = [
    (
        """
model = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(6272, 10))
model(mg.ones((4, 1, 28, 28)))  # here
""",
        [
            "flattening gives 8×26×26 = 5408",
            "`model.0` Conv2d(1→8) (3×3 kernel, no padding: 28→26)",
            "Linear(5408, 10), or to padding=1",
            "in `model.3`",
            "MG159",
        ],
    ),
    (
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.fc = nn.Conv2d(1, 8, 3), nn.Linear(8 * 28 * 28, 10)
    def forward(self, x):
        x = mg.relu(self.conv(x))
        return self.fc(mg.reshape(x, (x.shape[0], -1)))  # here
net = Net()
net(mg.ones((4, 1, 28, 28)))
""",
        ["8×26×26 = 5408, after `net.conv`", "28→26", "Linear(5408, 10), or to padding=1", "in `net.fc`", "MG159"],
    ),
    (
        """
block = lambda i, o: [nn.Conv2d(i, o, 3), nn.ReLU(), nn.MaxPool2d(2)]
model = nn.Sequential(*block(1, 8), *block(8, 16), nn.Flatten(), nn.Linear(16 * 7 * 7, 10))
model(mg.ones((4, 1, 28, 28)))  # here
""",
        ["16×5×5 = 400, after `model.3` Conv2d(8→16). Change to Linear(400, 10). (in `model.7`)", "MG159"],
    ),
    (
        """
model = nn.Sequential(nn.Conv2d(1, 8, 3), nn.Flatten(), nn.Linear(6272, 10))
with mg.no_grad():
    model(mg.ones((4, 1, 28, 28)))  # here
""",
        ["8×26×26 = 5408, after `model.0` Conv2d(1→8)", "Linear(5408, 10)", "in `model.2`", "MG159"],
    ),
    (
        """
model = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Linear(6272, 10))
model(mg.ones((4, 1, 28, 28)))  # here
""",
        ["Input (4, 8, 26, 26) is not flat", "`nn.Flatten()`", "Linear(5408, 10)", "in `model.2`", "MG159"],
    ),
    (
        """
model = nn.Sequential(nn.Conv2d(1, 8, 3), nn.Flatten(0), nn.Linear(5408, 10))
model(mg.ones((4, 1, 28, 28)))  # here
""",
        ["Input (21632,) has no axis for the batch", "`mg.reshape(x, (4, 5408))`", "in `model.2`", "MG159"],
    ),
    (
        """
net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(16, 8, 3))
net(mg.ones((4, 3, 28, 28)))  # here
""",
        ["conv2d of 16 input channels got 8 from `net.0` Conv2d(3→8)", "in_channels=8", "in `net.2`", "MG159"],
    ),
]

CHANNELS_LAST = [
    (
        """
net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU())
net(mg.ones((4, 28, 28, 3)))  # here
""",
        ["(4, 28, 28, 3) has 28", "channels-last", "`mg.permute_dims(x, (0, 3, 1, 2))`", "in `net.0`", "MG130"],
    ),
    (
        """
nn.Conv2d(3, 8, 3)(mg.ones((28, 28, 3)))  # here
""",
        ["(28, 28, 3) has 28", "channels-last", "`mg.permute_dims(x, (2, 0, 1))`", "MG130"],
    ),
    (
        """
nn.Conv1d(16, 8, 3)(mg.ones((4, 100, 16)))  # here
""",
        ["(4, 100, 16) has 100", "channels-last", "`mg.permute_dims(x, (0, 2, 1))`", "MG130"],
    ),
    (
        """
nn.Conv2d(1, 8, 3)(mg.ones((4, 28, 28)))  # here
""",
        ["(4, 28, 28) without the axis of channels", "`mg.expand_dims(x, axis=1)`", "MG160"],
    ),
]

STRETCHED = [
    (
        """
net, x, y = nn.Linear(3, 1), mg.ones((100, 3)), mg.ones(100)
loss = mg.mean((net(x) - y) ** 2)  # here
""",
        ["(100, 1) and (100,) makes (100, 100)", "every prediction against every target", "`y[:, None]`", "MG166"],
    ),
    (
        """
net, x, y = nn.Linear(3, 1), mg.ones((100, 3)), np.ones(100)
loss = mg.mean(mg.abs(y - net(x)))  # here
""",
        ["(100,) and (100, 1) makes (100, 100)", "`y[:, None]`", "MG166"],
    ),
    (
        """
net, x, y = nn.Linear(3, 1), mg.ones((100, 3)), mg.ones((100, 1))
loss = mg.mean((net(x)[:, 0] - y) ** 2)  # here
""",
        ["(100,) and (100, 1) makes (100, 100)", "`mg.squeeze(y, axis=-1)`", "MG166"],
    ),
    (
        """
net, x, y = nn.Linear(3, 1), mg.ones((100, 3)), mg.ones(100)
loss = F.l1_loss(net(x), y)  # here
""",
        ["l1_loss: a prediction (100, 1) against a target (100,)", "(100, 100)", "`y[:, None]`", "MG166"],
    ),
    (
        """
net, x, y = nn.Linear(3, 1), mg.ones((100, 3)), mg.ones(100)
@mg.compile
def step(x, y):
    return mg.mean((net(x) - y) ** 2)  # here
step(x, y)
""",
        ["(100, 1) and (100,) makes (100, 100)", "`y[:, None]`", "MG166"],
    ),
]

DOUBLE_SOFTMAX = [
    (
        """
logits = mg.softmax(nn.Linear(3, 4)(mg.ones((2, 3))), axis=1)  # softmax
loss = F.cross_entropy(logits, mg.tensor([0, 3]))  # here
""",
        [
            "`logits` (`logits = mg.softmax(",
            "at @softmax) has been through a softmax",
            "itself",
            "`nll_loss(mg.log(p), y)`",
            "MG165",
        ],
    ),
    (
        """
net = nn.Sequential(nn.Linear(3, 4), nn.Softmax(1))
loss = nn.CrossEntropyLoss()(net(mg.ones((2, 3))), mg.tensor([0, 3]))  # here
""",
        ["The input (`net.1`) has been through a softmax", "applies softmax itself", "MG165"],
    ),
    (
        """
p = mg.tensor([[0.25, 0.75], [0.5, 0.5]])
loss = F.cross_entropy(p, mg.tensor([0, 1]))  # here
""",
        ["The rows of `p`", "already sum to 1, as after a softmax", "Give it the scores", "MG165"],
    ),
    (
        """
net = nn.Linear(3, 4)
p = mg.softmax(net(mg.ones((2, 3))), axis=1)  # softmax
loss = F.nll_loss(p, mg.tensor([0, 3]))  # here
""",
        ["at @softmax) has been through a softmax", "takes their logarithms", "`mg.log_softmax`", "MG165"],
    ),
    (
        """
net = nn.Sequential(nn.Linear(3, 1), nn.Sigmoid())
loss = F.binary_cross_entropy_with_logits(net(mg.ones((2, 3))), mg.ones((2, 1)))  # here
""",
        [
            "The input (`net.1`) has been through a sigmoid",
            "applies it itself",
            "`binary_cross_entropy(p, y)`",
            "MG165",
        ],
    ),
    (
        """
net = nn.Sequential(nn.Linear(3, 4), nn.Softmax(1))
@mg.compile
def step(x, y):
    return F.cross_entropy(net(x), y)  # here
step(mg.ones((2, 3)), mg.tensor([0, 3]))
""",
        ["The input (`net.1`) has been through a softmax", "MG165"],
    ),
    (
        """
net = nn.Linear(3, 1)
loss = F.binary_cross_entropy(net(mg.ones((2, 3))) * 0 - 9, mg.ones((2, 1)))  # here
""",
        ["takes probabilities, got numbers from -9 to -9", "`binary_cross_entropy_with_logits(x, y)`", "MG162"],
    ),
]

TARGETS = [
    (
        """
F.cross_entropy(mg.zeros((3, 3)), mg.tensor([1, 2, 3]))  # here
""",
        ["3 outputs need labels 0–2; row 2 is 3", "Labels from 1? `y - 1`", "MG164"],
    ),
    (
        """
F.cross_entropy(mg.zeros((3, 3)), np.array([0, 2, 5]))  # here
""",
        ["3 outputs need labels 0–2; row 2 is 5", "6 outputs?", "MG164"],
    ),
    (
        """
F.cross_entropy(mg.zeros((3, 3)), mg.tensor([0, -1, 1]))  # here
""",
        ["row 1 is -1", "`ignore_index=-1`", "MG164"],
    ),
    (
        """
F.cross_entropy(mg.zeros((3, 3)), mg.tensor([0.0, 1.5, 2.0]))  # here
""",
        ["row 1 is 1.5", "To predict a quantity, use `mse_loss`", "MG164"],
    ),
    (
        """
F.cross_entropy(mg.zeros((3, 1)), mg.tensor([0, 1, 0]))  # here
""",
        ["One output", "row 1 of the labels is 1", "`binary_cross_entropy_with_logits(x[:, 0], y)`", "MG164"],
    ),
    (
        """
F.cross_entropy(mg.zeros((3, 3)), mg.tensor([[0], [1], [2]]))  # here
""",
        ["need labels of shape (3,), got (3, 1)", "`mg.squeeze(y, axis=-1)`", "MG163"],
    ),
    (
        """
F.cross_entropy(mg.zeros((2, 3)), mg.tensor([[0, 1, 0], [0, 0, 1]]))  # here
""",
        ["need labels of shape (2,), got (2, 3)", "`mg.argmax(y, axis=1)`", "MG163"],
    ),
    (
        """
F.cross_entropy(mg.zeros((2, 5, 11)), mg.zeros((2, 5)))  # here
""",
        ["(2, 5, 11)", "`mg.permute_dims(logits, (0, 2, 1))`", "MG163"],
    ),
    (
        """
F.cross_entropy(mg.zeros((2, 3)), ["cat", "dog"])  # here
""",
        ["A tensor holds numbers", "<U3", "`names, y = np.unique(labels, return_inverse=True)`", "MG143"],
    ),
    (
        """
nn.Embedding(10, 4)(mg.tensor([1, 10]))  # here
""",
        ["Index 10", "10 rows (0–9)", "num_embeddings=11", "MG158"],
    ),
]

UNREGISTERED = [
    (
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(2, 1), nn.Linear(2, 1)
    def forward(self, x):
        return self.a(x)
net = Net()
opt = optim.SGD(net.parameters(), lr=0.1)
for _ in range(10):
    opt.zero_grad()
    mg.mean(net(mg.ones((4, 2)))).backward()
    opt.step()  # here
""",
        [
            "2 of 4 parameters got no gradient in the first 10 steps",
            "`net.b.weight` (1, 2), `net.b.bias` (1,)",
            "`p.requires_grad = False`",
            "MG169",
        ],
    ),
    (
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = {nn.Linear(2, 3), nn.Linear(2, 3)}
net = Net()
opt = optim.SGD(net.parameters(), lr=0.1)  # here
""",
        ["SGD got no parameters", "what is in a set", "`nn.Parameter`", "MG167"],
    ),
    (
        """
net = nn.Sequential(nn.Linear(2, 2))
opt = optim.SGD(net.parameters(), lr=0.1)
net.append(nn.Linear(2, 1))  # the optimiser does not know of it
for _ in range(12):
    opt.zero_grad()
    mg.mean(net(mg.ones((4, 2)))).backward()  # here
    opt.step()
""",
        [
            "`net.1.bias` of shape (1,) is the sum of 12 backward passes",
            "no optimiser has used it in 10 steps",
            "`model.parameters()`",
            "MG169",
        ],
    ),
]

NOT_ZEROED = [
    (
        """
net = nn.Linear(2, 1)
opt = optim.SGD(net.parameters(), lr=0.1)
for _ in range(3):
    loss = mg.mean(net(mg.ones((4, 2))) ** 2)
    loss.backward()
    opt.step()  # here
""",
        ["include 2 backward passes, and 1 of them", "`zero_grad()`", "to accumulate", "MG168"],
    ),
    (
        """
net = nn.Linear(2, 1)
opt = optim.SGD(net.parameters(), lr=0.1)
@mg.compile
def step(x):
    loss = mg.mean(net(x) ** 2)
    loss.backward()
    opt.step()  # here
    return loss
for _ in range(3):
    step(mg.ones((4, 2)))
""",
        ["include 2 backward passes, and 1 of them", "`zero_grad()`", "MG168"],
    ),
    (
        """
w = mg.tensor([1.0, 2.0], requires_grad=True)
for _ in range(3):
    mg.sum(w * w).backward()
    with mg.no_grad():
        w -= 0.1 * w.grad  # here
""",
        ["include 2 backward passes, and 1 of them", "`zero_grad()`", "MG168"],
    ),
    (
        """
w = mg.tensor([1.0, 2.0], requires_grad=True)
for _ in range(3):
    mg.sum(w * w).backward()
    w.data -= 0.1 * w.grad.data  # here
""",
        ["include 2 backward passes, and 1 of them", "`zero_grad()`", "MG168"],
    ),
    (
        """
from microgradient.scalar import MLP
net = MLP(2, [3, 1])
for _ in range(3):
    loss = (net([1.0, 2.0]) - 1.0) ** 2
    loss.backward()  # here
    for p in net.parameters():
        p.data -= 0.01 * p.grad
""",
        ["include 3 backward passes, and 2 of them", "`zero_grad()`", "MG168"],
    ),
]

NO_GRADIENT = [
    (
        """
net = nn.Linear(2, 1)
opt = optim.SGD(net.parameters(), lr=0.1)
loss = mg.mean(net(mg.ones((4, 2))) ** 2)
opt.step()  # here
loss.backward()
""",
        ["No parameter has a gradient; nothing changed", "`loss.backward()` before `step()`", "MG168"],
    ),
    (
        """
net = nn.Linear(2, 1)
opt = optim.SGD(net.parameters(), lr=0.1)
for _ in range(3):
    loss = mg.mean(net(mg.ones((4, 2))) ** 2)
    loss.backward()
    opt.zero_grad()
    opt.step()  # here
""",
        ["nothing changed", "`zero_grad()` before it, not in between", "MG168"],
    ),
    (
        """
net, other = nn.Linear(2, 1), nn.Linear(2, 1)
opt = optim.SGD(other.parameters(), lr=0.1)
mg.mean(net(mg.ones((4, 2)))).backward()
opt.step()  # here
""",
        ["nothing changed", "computed from these parameters", "MG168"],
    ),
]
