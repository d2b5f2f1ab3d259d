"""Mistakes about numbers, NumPy and derivatives, as programs make them: those of tests/test_error_moments.py.

A program is followed by parts of what it is told. `@cut` is the line that ends in `# cut`; the message comes at `# here`.
"""

NOT_FINITE = [
    (
        """
w = mg.tensor([1.0, -0.5, 0.0], requires_grad=True)
for _ in range(2):
    loss = mg.mean(mg.log(w))
    loss.backward()  # here
""",
        [
            "is NaN, again",
            "`log`: 1 of 3 results",
            "Its inputs are -0.5 … 1",
            "`mg.log(mg.clip(x, 1e-7))`",
            "`with mg.trace():`",
            "MG172",
        ],
    ),
    (
        """
x = mg.tensor([1000.0, 1.0], requires_grad=True)
for _ in range(2):
    e = mg.exp(x)
    loss = mg.sum(e / mg.sum(e))
    loss.backward()  # here
""",
        ["is NaN, again", "`exp`: 1 of 2 results", "as `mg.softmax` does", "MG172"],
    ),
    (
        """
w = mg.tensor([0.0, 2.0], requires_grad=True)
opt = optim.SGD([w], lr=0.1)
for _ in range(3):
    opt.zero_grad()
    loss = mg.sum(mg.where(w > 0, mg.log(w), 0.0) + w * w)
    loss.backward()  # here
    opt.step()
""",
        ["is NaN, again", "`log` is given 1 of 2 numbers", "by a parameter after a step", "0 × ∞", "MG172"],
    ),
    (
        """
w = mg.tensor([500.0, 1.0], requires_grad=True)
for _ in range(2):
    loss = mg.sum(mg.exp(w))
    loss.backward()  # here
""",
        ["is infinite, again", "`exp`: 1 of 2 results", "scale the input down", "MG172"],
    ),
    (
        """
a = mg.Value(-1.0)
for _ in range(2):
    loss = (a * 2.0).log()
    loss.backward()  # here
""",
        ["is NaN, again", "The first comes from `log` of -2", "`mg.log(mg.clip(x, 1e-7))`", "MG172"],
    ),
    (
        """
@mg.compile(debug=True)
def loss_of(w):
    return mg.sum(mg.log(w * 2))  # first
loss_of(mg.tensor([1.0, -1.0]))  # here
""",
        ["@first: `log` gives NaN at [1]", "float32 (2,) from -2 to 2", "MG171"],
    ),
]

INTEGERS = [
    (
        """
x = mg.tensor(2, requires_grad=True)  # here
""",
        [
            "dtype int64 has no gradient",
            "counted, not differentiated",
            "`x.astype(mg.float32)`",
            "`2.0` for `2`",
            "MG142",
        ],
    ),
    (
        """
labels = mg.tensor([0, 1, 2])
labels.requires_grad_()  # here
""",
        ["dtype int64", "counted, not differentiated", "`x.astype(mg.float32)`", "MG142"],
    ),
    (
        """
mg.grad(F.cross_entropy, argnums=1)(mg.zeros((2, 3)), mg.tensor([0, 1]))  # here
""",
        ["int64 of shape (2,)", "labels and indices are counted, not differentiated", "`argnums`", "MG142"],
    ),
    (
        """
nn.Parameter(mg.tensor([1, 2]))  # here
""",
        ["got int64", "`Parameter(x.astype(mg.float32))`", "`register_buffer(name, x)`", "MG150"],
    ),
]

NUMPY = [
    (
        """
w = mg.tensor([1.0, 2.0], requires_grad=True)
np.correlate(w, w)  # here
""",
        ["np.correlate has no gradient here", "There are `mg.", "`np.correlate(x.detach())`", "MG111"],
    ),
    (
        """
w = mg.tensor([1.0, 2.0], requires_grad=True)
np.exp(w, out=np.zeros(2))  # here
""",
        ["np.exp can't write into an array", "`y = np.exp(x)`", "MG111"],
    ),
    (
        """
v, w = (mg.tensor(x, requires_grad=True) for x in (1.0, 2.0))
loss = v * math.exp(w)  # number
loss.backward()
w.grad  # here
""",
        ["`w` of shape () has got no gradient", "float(…) at @number", "mg.exp(x) for math.exp(x)", "MG102"],
    ),
    (
        """
w = mg.tensor(1.0, requires_grad=True)
loss = mg.tensor(math.exp(w))  # number
loss.backward()  # here
""",
        ["`loss` ← math.exp(…) at @number", "`mg.` functions", "MG102"],
    ),
    (
        """
v, w = (mg.tensor(x, requires_grad=True) for x in (1.0, 2.0))
column = np.zeros(2)
column[0] = w  # number
mg.sum(mg.tensor(column) * v).backward()
w.grad  # here
""",
        [
            "`w` of shape () has got no gradient",
            "became a number by float(…) at @number",
            "`mg.` functions",
            "MG102",
        ],
    ),
    (
        """
mg.grad(lambda x: float(mg.sum(x)) ** 2)(mg.ones(2))  # here
""",
        ["All derivatives are 0", "float(…) at @here", "`mg.` functions", "MG102"],
    ),
]

GRADCHECK = [
    (
        """
@mg.custom_rule(vjp=lambda t, y, x: t * (1 - y))
def tanh(x):
    return mg.tanh(x)
mg.check_gradients(tanh, mg.tensor(np.linspace(-1, 1, 6).reshape(2, 3)), order=1)  # here
""",
        ["∂tanh/∂x[0, 0]: ours ", "finite difference ", "relative error ", "6 of 6 entries", "custom_rule", "MG114"],
    ),
    (
        """
def narrow(x):
    return mg.sum(mg.tanh(x.astype(mg.float32)))
mg.check_gradients(narrow, mg.tensor([0.5, 1.0]))  # here
""",
        ["∂narrow/∂x[", "computes in float32", "keep float64", "MG114"],
    ),
    (
        """
mg.check_gradients(lambda x: mg.sum(x * mg.randn(3)), mg.tensor([1.0, 2.0, 3.0]))  # here
""",
        ["∂f/∂x[", "other numbers for the same arguments", "`mg.manual_seed(0)`", "MG114"],
    ),
    (
        """
mg.check_gradients(mg.relu, mg.tensor([0.0, 1.0]), order=1)  # here
""",
        ["∂relu/∂x[0]: ours 0,", "1 of 2 entries", "at a kink (relu at 0", "move the point a little", "MG114"],
    ),
    (
        """
import microgradient.torch as torch
class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * x
    @staticmethod
    def backward(ctx, g):
        return g
torch.autograd.gradcheck(Square.apply, (torch.tensor([1.0, 2.0], requires_grad=True),))  # here
""",
        ["Jacobian mismatch", "is 1 here and 1.9669533 by differences of 1e-06", "In float32", "`x.double()`", "MG114"],
    ),
]
