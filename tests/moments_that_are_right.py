"""Programs in which nothing is wrong, beside the mistakes of tests/test_error_moments.py: they must not be spoken of."""

RIGHT = {
    "one number, or weights": """
w = mg.tensor([1.0, 2.0], requires_grad=True)
mg.mean(w * w).backward()
(w * w).backward(mg.ones(2))
""",
    "kept while tracing, and on request": """
w = mg.tensor([1.0, 2.0], requires_grad=True)
with mg.trace():
    h = w * 2
    mg.sum(h * h).backward()
assert h.grad.tolist() == [4.0, 8.0]
k = (w * 2).keep_grad()
mg.sum(k * k).backward()
assert k.grad.tolist() == [4.0, 8.0]
""",
    "the same graph twice, on purpose; a state cut off": """
w = mg.tensor([1.0, 2.0], requires_grad=True)
loss = mg.sum(w * w)
loss.backward(retain_graph=True)
loss.backward()
rnn, h = nn.RNN(3, 4), mg.zeros((1, 2, 4))
for t in range(3):
    out, h = rnn(mg.ones((5, 2, 3)), h.detach())
    mg.mean(out ** 2).backward()
""",
    "an edit in place makes a new tensor; data are looked at": """
w = mg.tensor([1.0, 2.0, 3.0], requires_grad=True)
y = mg.sigmoid(w)
z = y * y
y += 1
y[0] = 5.0
print(y.data, w.data.sum())
(mg.sum(z) + mg.sum(y)).backward()
s = 1 / (1 + np.exp(-w.data))
assert np.allclose(w.grad.data, s * (1 - s) * (2 * s + [0, 1, 1]))
""",
    "parameters updated as it is meant": """
w = mg.tensor([1.0, 2.0], requires_grad=True)
for _ in range(3):
    mg.sum(w * w).backward()
    with mg.no_grad():
        w -= 0.1 * w.grad
    w.grad = None
    mg.sum(w * w).backward()
    w.data -= 0.1 * w.grad.data
    w.grad = mg.zeros(2)
p = mg.Value(1.0)
(p * p).backward()
p.data -= 0.1 * p.grad
total = mg.Value(0.0)
total += p * 2
total -= 1
""",
    "columns on purpose": """
net, x, y = nn.Linear(3, 1), mg.ones((100, 3)), mg.ones(100)
loss = mg.mean((net(x) - y[:, None]) ** 2) + F.mse_loss(net(x)[:, 0], y)
differences = net(x)[:, 0][:, None] - net(x)[:, 0]
""",
    "scores, and probabilities where they belong": """
net, y = nn.Linear(3, 4), mg.tensor([0, 3])
scores = net(mg.ones((2, 3)))
F.cross_entropy(scores, y)
F.nll_loss(mg.log_softmax(scores, axis=1), y)
F.nll_loss(mg.log(mg.softmax(scores, axis=1)), y)
F.cross_entropy(mg.log_softmax(scores, axis=1), y)
F.binary_cross_entropy(mg.sigmoid(scores), mg.ones((2, 4)))
""",
    "labels that are whole numbers of any dtype": """
for labels in ([0.0, 1.0, 2.0], np.array([0, 1, 2], np.uint8), [0, 1, -100]):
    F.cross_entropy(mg.zeros((3, 3)), labels)
""",
    "layers in lists and dicts": """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = [nn.Linear(2, 3), nn.Linear(3, 2)]
        self.heads = {"a": nn.Linear(2, 1)}
net = Net()
assert sum(p.size for p in net.parameters()) == 20
optim.SGD(net.parameters(), lr=0.1)
""",
    "gradients accumulated on purpose, by turns, and inside of steps": """
net, other = nn.Linear(2, 1), nn.Linear(2, 1)
first, second = (optim.SGD(n.parameters(), lr=0.1) for n in (net, other))
for turn in range(24):
    for _ in range(4):
        (mg.mean(net(mg.ones((4, 2)))) * other(mg.ones((1, 2)))[0, 0] / 4).backward()
    opt = (first, second)[turn % 2]
    opt.step()
    first.zero_grad()
    second.zero_grad()
@mg.compile
def step(x):
    first.zero_grad()
    loss = mg.mean(net(x) ** 2)
    loss.backward()
    first.step()
    return loss
for _ in range(3):
    step(mg.ones((4, 2)))
""",
    "numbers that are not finite, once": """
w = mg.tensor([0.0, 1.0], requires_grad=True)
assert math.isinf(mg.sum(mg.log(w)).item())
mg.sum(mg.log(w)).backward()
w.grad = None
mg.sum(w * w).backward()
""",
    "whole numbers as Python writes them": """
assert mg.grad(lambda x: x * x)(3).item() == 6.0
assert mg.jvp(lambda x: x * x, (3,), (1,))[1].item() == 6.0
a = mg.Value(2)
(a * 3).backward()
assert a.grad == 3
""",
    "NumPy on tensors": """
w = mg.tensor([1.0, 2.0], requires_grad=True)
np.sum(np.exp(w) * np.float64(2)).backward()
assert np.allclose(w.grad.data, 2 * np.exp([1.0, 2.0]))
assert np.asarray(w).mean() == 1.5
assert np.exp(mg.Value(0.0)).data == 1.0
""",
    "derivatives that are right": """
mg.check_gradients(mg.tanh, mg.tensor([0.5, 1.0]))
""",
    "a deep graph": """
a = x = mg.Value(1.0)
w = y = mg.tensor(1.0, requires_grad=True)
for _ in range(20_000):
    x, y = x + 1.0, y * 1.0
x.backward()
y.backward()
assert (a.grad, w.grad.item()) == (1, 1.0)
assert mg.why(a, of=x).gradient == 1
del x, y
""",
}
