"""Questions about gradients, as programs ask them, and parts of the report: those of tests/test_error_moments.py.

`@cut` is the line that ends in `# cut`; an error comes at `# here`.
"""

SEEN = {
    "the forward pass's numbers, after an update": (
        """
a = mg.Value(2.0)
L = a * a
L.backward()
a.data = 5.0
print(mg.why(a))
mg.trace(L)
""",
        ["∂L/∂a = 4.0     a = 2.0", "the data have changed since: a is 5 now", "a         = 2.0", "L = a * a = 4.0"],
    ),
    "all parameters of an updated network": (
        """
import random
from microgradient.scalar import MLP
random.seed(1)
net = MLP(3, [4, 4, 1])
loss = net([1.0, -2.0, 0.5])
loss.backward()
before = {p: p.grad for p in net.parameters()}
for p in net.parameters():
    p.data += -0.1 * p.grad
assert all(mg.why(p).gradient == grad for p, grad in before.items())
print(mg.why(net.layers[0].neurons[2].w[1]))
""",
        ["∂loss/∂net.layers[0].neurons[2].w[1] = ", "used 1×", "✓"],
    ),
    "weights by their names": (
        """
from microgradient.scalar import MLP
net = MLP(1, [2, 1])
loss = net([2.0])
loss.backward()
mg.trace(loss)
""",
        [
            "forward ↓",
            "net.layers[0].neurons[1].w[0]",
            "net.layers[1].neurons[0].b",
            "backward ↑",
            "∂loss/∂net.layers[0].neurons[1].b",
        ],
    ),
    "an entry that enters a rule of one's own": (
        """
@mg.custom_rule(vjp=lambda t, y, x: t * 2 * x)
def square(x):
    return x * x
w = mg.tensor([1.0, 2.0], requires_grad=True)
with mg.trace():
    loss = mg.sum(square(w))  # line
    loss.backward()
print(mg.why(w, 1))
""",
        ["∂loss/∂w[1] = 4.0", "@line", "through square = +4.0", "`square` has its own rule", "can't be computed again"],
    ),
    "three backward passes": (
        """
w = mg.tensor([1.0, 2.0], requires_grad=True)
with mg.trace():
    for _ in range(3):
        loss = mg.sum(w * w)
        loss.backward()
print(mg.why(w, 1))
""",
        ["∂loss/∂w[1] = 4.0", "w[1].grad = 12.0 is the sum of 3 backward passes", "this opens the last"],
    ),
    "a kink": (
        """
a = mg.Value(0.0)
L = a.relu()
L.backward()
print(mg.why(a))
""",
        ["0.500000 ✗ the rules give 0.000000: a kink (relu, input = 0: the slope is 0 on one side and 1 on the other)"],
    ),
    "a tie of three": (
        """
x = mg.tensor([1.0, 1.0, 1.0], requires_grad=True)
with mg.trace():
    L = mg.max(x)
    L.backward()
print(mg.why(x, 0))
""",
        ["∂L/∂x[0] = 0.333333", "a kink (max, 3 entries tie: the slope is 0 on one side and 1 on the other)"],
    ),
    "digits that float32 has lost": (
        """
x = mg.tensor([9.2], requires_grad=True)
with mg.trace():
    L = mg.sum(mg.tanh(x))
    L.backward()
print(mg.why(x))
""",
        ["∂L/∂x[0] = 1.19209e-07", "float32 has lost the digits: in 64 bits 4.08359e-08"],
    ),
    "0 × ∞, and its cure": (
        """
z = mg.tensor([0.0, 1.0], requires_grad=True)
with mg.trace():
    L = mg.sum(mg.where(z > 0, mg.log(z), 0.0))  # line
    L.backward()
print(mg.why(z, 0))
""",
        [
            "∂L/∂z[0] = nan",
            "0 × ∞ in v1 = log(z) @line",
            "mg.where(ok, z, 1.)",
            "greater at @line: nothing comes back",
            "not taken",
        ],
    ),
    "the first NaN, its victims and a cure": (
        """
x = mg.tensor(np.linspace(-1, 3, 256), requires_grad=True)
with mg.trace():
    h = mg.softplus(x) - 1
    loss = -mg.mean(mg.log(h))  # line
    loss.backward()
print(mg.why(x, 0))
""",
        [
            "the first comes from v3 = log(h) @line, 99 of 256 entries; its inputs: -0.686738 … 2.04859",
            "later results that are NaN because of it: 3",
            "`mg.log(mg.clip(x, 1e-7))`",
        ],
    ),
    "many paths, by example and axis": (
        """
net = nn.Conv2d(1, 4, 3)
with mg.trace():
    L = mg.mean(net(mg.randn((8, 1, 12, 12))) ** 2)
    L.backward()
found = mg.why(net.weight, (0, 0, 1, 1))
print(found)
assert abs(sum(e.contribution for e in found.edges) + found.more[1] - found.gradient) < 1e-6
assert all(abs(sum(sums) - found.gradient) < 1e-6 for _, sums in found.groups)
""",
        ["net.weight[0, 0, 1, 1]", "800 paths", "and 792 more: ", "example, axis 0 of v1: [", "axis 3 of v1: [", "✓"],
    ),
    "a recurrent layer, by use and example": (
        """
lstm = nn.LSTM(3, 4)
with mg.trace():
    out, _ = lstm(mg.randn((6, 2, 3)))
    L = mg.mean(out ** 2)
    L.backward()
print(mg.why(lstm.weight_hh_l0, (0, 1)))
print(mg.why(lstm.weight_hh_l0))
""",
        [
            "lstm.weight_hh_l0[0, 1]",
            "and 2 more: ",
            "axis 0 of v13 and 5 more like it: [",
            "w used 6× → 6 paths, added",
            "entries [",
            "✓",
        ],
    ),
    "a hop further, and what was cut": (
        """
w = mg.tensor([1.0, 2.0], requires_grad=True)
with mg.trace():
    h = mg.tanh(w)
    loss = mg.sum(h * h * h.detach())  # cut
    loss.backward()
print(mg.why(w, 0).edges[0].why())
""",
        ["∂loss/∂h[0] = ", "as argument 1", "as argument 2", ".detach() at @cut: nothing comes back from there"],
    ),
    "before backward": (
        """
w = mg.tensor([1.0, 2.0], requires_grad=True)
with mg.trace():
    old = mg.sum(w * 3)
    old.backward()
    loss = mg.sum(w * w)
    print(mg.why(w, 0))
""",
        ["∂old/∂w[0] = 3.0", "this explains the last `backward()`; `loss` was computed from it since"],
    ),
    "names where the model is given, and in a class that calls self s": (
        """
class Net(nn.Module):
    def __init__(s):
        super().__init__()
        s.a, s.b = nn.Linear(2, 3), nn.Linear(3, 1)
    def forward(s, x):
        return s.b(mg.tanh(s.a(x)))
net = Net()
with mg.trace(net):
    loss = mg.mean(net(mg.ones((4, 2))) ** 2)
    loss.backward()
print(mg.why(net.a.weight, (0, 1)))
""",
        ["∂loss/∂net.a.weight[0, 1] = ", "4 paths, added     net.a     train.py:", "x @ net.a.weight.T"],
    ),
}

ASKED = {
    "after a compiled step": (
        """
net = nn.Linear(2, 1)
@mg.compile
def step(x):
    net.zero_grad()
    mg.mean(net(x) ** 2).backward()
step(mg.ones((3, 2)))
mg.why(net.weight, (0, 1))  # here
""",
        ["A compiled step leaves no graph", "`with mg.trace():`", "MG117"],
    ),
    "after a backward pass that released the graph": (
        """
w = mg.tensor([1.0, 2.0], requires_grad=True)
loss = mg.sum(w * w)
loss.backward()  # released
mg.why(w, 0)  # here
""",
        ["released by the backward pass at @released", "`loss.backward(retain_graph=True)`", "MG118"],
    ),
    "of a tensor that was cut off": (
        """
w = mg.tensor([1.0, 2.0], requires_grad=True)
h = (w * 2).detach()  # cut
mg.why(h, 0)  # here
""",
        ["shape (2,) needs no gradient", ".detach() at @cut cut it off", "`requires_grad=True`", "MG109"],
    ),
}
