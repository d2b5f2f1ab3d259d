"""Mistakes about graphs and gradients, as programs make them: those of tests/test_error_moments.py.

A program is followed by parts of what it is told. `@cut` is the line that ends in `# cut`; the message comes at `# here`.
"""

NOT_ONE_NUMBER = [
    (
        """
w = mg.tensor(np.ones(3), requires_grad=True)
def train():
    prediction = mg.sum(mg.ones((32, 3)) * w, axis=1)
    loss = F.mse_loss(prediction, mg.zeros(32), reduction="none")  # lost
    loss.backward()  # here
train()
""",
        [
            "`loss` has shape (32,)",
            "@lost: `loss = F.mse_loss(",
            "`loss.mean().backward()`",
            "each of the 32 entries",
            "MG101",
        ],
    ),
    (
        """
w = mg.tensor([1.0, 2.0], requires_grad=True)
loss = (w - 1) ** 2  # lost
loss.backward()  # here
""",
        ["`loss` has shape (2,)", "@lost: `loss = (w - 1) ** 2`", "`loss.backward(weights)`", "MG101"],
    ),
    (
        """
out = nn.Linear(3, 2)(mg.ones((4, 3)))
(out * out).backward()  # here
""",
        ["This tensor has shape (4, 2)", "8 entries", "`loss.mean().backward()`", "MG101"],
    ),
    (
        """
w = mg.tensor([1.0, 2.0, 3.0], requires_grad=True)
(w * w).backward(mg.ones(2))  # here
""",
        ["shape (2,), the tensor (3,)", "`mg.ones((3,))`", "MG122"],
    ),
    (
        """
def squares(w):
    return w * w
mg.grad(squares)(mg.ones(3))  # here
""",
        ["one number as result", "`squares` has shape (3,)", "`.mean()`", "mg.jacobian", "MG101"],
    ),
]

GRAPH_CUT = [
    (
        """
w = mg.tensor([1.0, 2.0])
loss = mg.sum(w * w)
loss.backward()  # here
""",
        ["`loss` is not connected", "None of the tensors", "would not help", "`requires_grad=True`", "MG102"],
    ),
    (
        """
w = mg.tensor([1.0, 2.0], requires_grad=True)
h = (w * 2).numpy()  # cut
loss = mg.mean(mg.tensor(h))
loss.backward()  # here
""",
        ["`loss` ← `h` ← .numpy() at @cut", "`mg.` functions", "would not help", "MG102"],
    ),
    (
        """
def loss_of(w):
    return mg.tensor(np.mean(np.asarray(w * 2)))  # cut
w = mg.tensor([1.0, 2.0], requires_grad=True)
loss = loss_of(w)
loss.backward()  # here
""",
        ["became numbers by np.asarray(…) at @cut", "`mg.` functions", "would not help", "MG102"],
    ),
    (
        """
w = mg.tensor([1.0, 2.0], requires_grad=True)
h = (w * 2).detach()  # cut
loss = mg.mean(h)
loss.backward()  # here
""",
        [".detach() at @cut cut it off: leave it out", "would not help", "MG102"],
    ),
    (
        """
w = mg.tensor([1.0, 2.0], requires_grad=True)
with mg.no_grad():  # cut
    loss = mg.mean(w * 2)
loss.backward()  # here
""",
        ["mg.no_grad() at @cut cut it off", "outside", "MG102"],
    ),
    (
        """
w = mg.tensor([1.0, 2.0], requires_grad=True)
loss = mg.mean(mg.tensor((w * 2).numpy()))  # cut
loss.requires_grad = True
loss.backward()  # here
""",
        ["`loss` ← .numpy() at @cut", "Setting `requires_grad` on the loss would not help", "MG102"],
    ),
    (
        """
net = nn.Linear(3, 2)
opt = optim.SGD(net.parameters(), lr=0.1)
loss = mg.tensor(mg.mean(net(mg.ones((4, 3)))).item(), requires_grad=True)  # cut
loss.backward()  # here
opt.step()
""",
        ["`loss` ← .item() at @cut", "would not help", "MG102"],
    ),
    (
        """
net = nn.Linear(3, 2)
logits = net(mg.ones((4, 3)))
print(float(mg.mean(logits)), logits.numpy().shape)  # logged, no part of the loss
loss = mg.mean((logits > 0).astype(mg.float32))  # cut
loss.requires_grad_()
loss.backward()  # here
""",
        ["greater at @cut cut it off: it is flat", "softmax and cross_entropy", "would not help", "MG102"],
    ),
]

FLAT = [
    (
        """
net = nn.Linear(3, 2)
predicted = mg.argmax(net(mg.ones((4, 3))), axis=1)  # cut
loss = F.mse_loss(predicted.astype(mg.float32), mg.zeros(4))
loss.backward()  # here
""",
        ["argmax at @cut", "it is flat, its derivative is 0 everywhere", "softmax and cross_entropy", "MG102"],
    ),
    (
        """
net = nn.Linear(3, 1)
for _ in range(2):
    net.zero_grad()
    loss = F.mse_loss(mg.round(net(mg.ones((4, 3)))), mg.ones((4, 1)))  # flat
    loss.backward()  # here
""",
        [
            "round at @flat",
            "`net.weight` of shape (1, 3) is 0",
            "its derivative is 0 everywhere. Leave it out",
            "MG102",
        ],
    ),
    (
        """
w = mg.tensor([1.0, 2.0], requires_grad=True)
for _ in range(2):
    loss = mg.sum((w // 0.3) ** 2)  # flat
    loss.backward()  # here
    w.grad = None
""",
        ["floor_divide at @flat", "`w` of shape (2,) is 0", "Leave it out of the loss", "MG102"],
    ),
    (
        """
w = mg.tensor([1.0, 2.0], requires_grad=True)
loss = mg.mean(w.astype(mg.int64).astype(mg.float32))  # cut
loss.backward()  # here
""",
        ["astype(int64) at @cut", "it is flat", "MG102"],
    ),
    (
        """
logits = nn.Linear(3, 2)(mg.ones((4, 3)))
mg.argmax(logits).backward()  # here
""",
        [
            "dtype int64 has no gradient",
            "argmax, rounding and comparisons are flat",
            "softmax and cross_entropy",
            "MG142",
        ],
    ),
]

INTERMEDIATE = [
    (
        """
w = mg.tensor([1.0, 2.0], requires_grad=True)
h = w * 2
mg.sum(h * h).backward()
h.grad  # here
""",
        ["`h` of shape (2,) is not stored", "`h.keep_grad()`", "`with mg.trace():`", "MG107"],
    ),
    (
        """
w = mg.tensor([1.0, 2.0], requires_grad=True)
for _ in range(2):
    loss = mg.sum(w * w)
    loss.backward()
    if w.grad is None:  # here
        break
    w = w - 0.1 * w.grad  # update
""",
        [
            "It was a leaf until `w = w - 0.1 * w.grad` at @update",
            "`opt.step()`",
            "`with mg.no_grad(): w -= …`",
            "MG107",
        ],
    ),
    (
        """
w = mg.tensor([1.0, 2.0], requires_grad=True) * 0.1  # made
mg.sum(w * w).backward()
w.grad  # here
""",
        ["a leaf that has no name", "@made", "`w = (…).detach().requires_grad_()`", "MG107"],
    ),
]

BACKWARD_TWICE = [
    (
        """
w, v = (mg.tensor([1.0, 2.0], requires_grad=True) for _ in range(2))
x = w * w  # built
for step in range(3):
    loss = mg.sum(x * v)
    loss.backward()  # here
""",
        [
            "The graph of `loss` goes through `x` (`x = w * w` at @built), which was already differentiated at @here",
            "compute `x` again inside the loop",
            "`loss.backward(retain_graph=True)`",
            "MG105",
        ],
    ),
    (
        """
net = nn.Linear(3, 2)
loss = mg.mean(net(mg.ones((4, 3))) ** 2)  # built
for step in range(3):
    net.zero_grad()
    loss.backward()  # here
""",
        [
            "The graph of `loss` (`loss = mg.mean(",
            "at @built) was already differentiated at @here",
            "inside the loop",
            "MG105",
        ],
    ),
    (
        """
trunk, a, b = nn.Linear(3, 2), nn.Linear(2, 1), nn.Linear(2, 1)
h = mg.tanh(trunk(mg.ones((4, 3))))  # built
first, second = mg.mean(a(h)), mg.mean(b(h))
first.backward()  # before
second.backward()  # here
""",
        [
            "`second` goes through `h`",
            "at @built), which was already differentiated at @before",
            "Add the losses",
            "`backward(retain_graph=True)` at @before",
            "MG105",
        ],
    ),
    (
        """
rnn, h = nn.RNN(3, 4), mg.zeros((1, 2, 4))
for t in range(3):
    out, h = rnn(mg.ones((5, 2, 3)), h)
    loss = mg.mean(out ** 2)
    loss.backward()  # here
""",
        [
            "A part of the graph of `loss` was already differentiated at @here",
            "carries over",
            "`h = h.detach()`",
            "MG105",
        ],
    ),
]

IN_PLACE = [
    (
        """
w = mg.tensor([1.0, 2.0, 3.0], requires_grad=True)
y = mg.sigmoid(w)
y.data += 1  # changed
mg.sum(y).backward()  # here
""",
        [
            "gradient is wrong",
            "`sigmoid` needs its result, of shape (3,)",
            "at @changed",
            "`y = y + 1`",
            "`x = x.clone()`",
            "MG103",
        ],
    ),
    (
        """
w = mg.tensor([1.0, 2.0, 3.0], requires_grad=True)
y = mg.exp(w)
y.data[0] = 0  # changed
mg.sum(y * 2).backward()  # here
""",
        ["gradient is wrong", "`exp` needs its result, of shape (3,)", "at @changed", "`y = y + 1`", "MG103"],
    ),
    (
        """
w = mg.tensor([1.0, 2.0], requires_grad=True)
loss = mg.sum(w * w * w)
w.data -= 0.1  # changed
loss.backward()  # here
""",
        ["gradient is wrong", "`multiply` needs what it was given, of shape (2,)", "at @changed", "MG103"],
    ),
]

UPDATE_OF_A_LEAF = [
    (
        """
w = mg.tensor([1.0, 2.0], requires_grad=True)
mg.sum(w * w).backward()
w -= 0.1 * w.grad  # here
""",
        [
            "`w -= …` would change a leaf",
            "while operations are recorded",
            "`opt.step()`",
            "`with mg.no_grad(): w -= …`",
            "MG104",
        ],
    ),
    (
        """
net = nn.Linear(3, 2)
mg.mean(net(mg.ones((4, 3)))).backward()
for p in net.parameters():
    p += -0.1 * p.grad  # here
""",
        ["`p += …` would change a leaf", "`with mg.no_grad(): p += …`", "MG104"],
    ),
    (
        """
w = mg.tensor([1.0, 2.0], requires_grad=True)
w[0] = 3.0  # here
""",
        ["`w[i] = …` would change a leaf", "`with mg.no_grad(): w[i] = …`", "MG104"],
    ),
    (
        """
net = nn.Linear(3, 2)
mg.mean(net(mg.ones((4, 3)))).backward()
net.weight = net.weight - 0.1 * net.weight.grad  # here
""",
        ["`weight` of Linear is a parameter", "never be trained", "`weight.data = array`", "MG152"],
    ),
    (
        """
p, q = mg.Value(1.0), mg.Value(2.0)
(p * q).backward()
p -= 0.1 * p.grad  # here
""",
        ["`p -= …` gives the name a new Value", "data=1 and grad=2", "`p.data -= …`", "MG104"],
    ),
]
