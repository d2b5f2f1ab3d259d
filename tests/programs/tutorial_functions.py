"""Functions of one's own with first and second derivatives, hooks, checkpoints, and Jacobians of functions by torch.func."""

import math

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.autograd import Function
from torch.autograd.functional import hessian, jacobian
from torch.func import functional_call, grad, hessian as fhessian, jacfwd, jacrev, jvp, stack_module_state, vjp, vmap
from torch.nn.parameter import Parameter
from torch.utils.checkpoint import checkpoint, checkpoint_sequential

torch.manual_seed(0)


class LegendrePolynomial3(Function):
    @staticmethod
    def forward(ctx, input):
        ctx.save_for_backward(input)
        return 0.5 * (5 * input**3 - 3 * input)

    @staticmethod
    def backward(ctx, grad_output):
        (input,) = ctx.saved_tensors
        return grad_output * 1.5 * (5 * input**2 - 1)


x = torch.linspace(-math.pi, math.pi, 200)
y = torch.sin(x)
a, b, c, d = (torch.full((), v, requires_grad=True) for v in (0.0, -1.0, 0.0, 0.3))
for t in range(300):
    P3 = LegendrePolynomial3.apply
    y_pred = a + b * P3(c + d * x)
    loss = (y_pred - y).pow(2).sum()
    if t % 100 == 99:
        print(t, f"{loss.item():.3f}")
    loss.backward()
    with torch.no_grad():
        for p in (a, b, c, d):
            p -= 5e-5 * p.grad
            p.grad = None
print(f"Result: y = {a.item():.2f} + {b.item():.4f} * P3({c.item():.2f} + {d.item():.4f} x)", y_pred[:2], P3(d))


class LinearFunction(Function):
    @staticmethod
    def forward(input, weight, bias):
        output = input.mm(weight.t())
        if bias is not None:
            output += bias.unsqueeze(0).expand_as(output)
        return output

    @staticmethod
    def setup_context(ctx, inputs, output):
        input, weight, bias = inputs
        ctx.save_for_backward(input, weight, bias)

    @staticmethod
    def backward(ctx, grad_output):
        input, weight, bias = ctx.saved_tensors
        grad_input = grad_weight = grad_bias = None
        if ctx.needs_input_grad[0]:
            grad_input = grad_output.mm(weight)
        if ctx.needs_input_grad[1]:
            grad_weight = grad_output.t().mm(input)
        if bias is not None and ctx.needs_input_grad[2]:
            grad_bias = grad_output.sum(0)
        return grad_input, grad_weight, grad_bias


class Linear(nn.Module):
    def __init__(self, input_features, output_features, bias=True):
        super().__init__()
        self.input_features = input_features
        self.output_features = output_features
        self.weight = nn.Parameter(torch.empty(output_features, input_features))
        if bias:
            self.bias = nn.Parameter(torch.empty(output_features))
        else:
            self.register_parameter("bias", None)
        nn.init.uniform_(self.weight, -0.1, 0.1)
        if self.bias is not None:
            nn.init.uniform_(self.bias, -0.1, 0.1)

    def forward(self, input):
        return LinearFunction.apply(input, self.weight, self.bias)

    def extra_repr(self):
        return "input_features={}, output_features={}, bias={}".format(self.input_features, self.output_features, self.bias is not None)


layer = Linear(4, 2)
print(layer, layer(torch.ones(1, 4)), Linear(2, 2, bias=False).bias)
input = (torch.randn(5, 4, dtype=torch.double, requires_grad=True), torch.randn(3, 4, dtype=torch.double, requires_grad=True), None)
print(torch.autograd.gradcheck(LinearFunction.apply, input, eps=1e-6, atol=1e-4))


class Exp(Function):
    @staticmethod
    def forward(ctx, x):
        result = torch.exp(x)
        ctx.save_for_backward(result)
        return result

    @staticmethod
    def backward(ctx, grad_out):
        (result,) = ctx.saved_tensors
        return result * grad_out


x = torch.tensor(1.0, requires_grad=True, dtype=torch.double)
out = Exp.apply(x)
(gx,) = torch.autograd.grad(out, x, create_graph=True)
print(out, gx, torch.autograd.grad(gx, x), torch.autograd.gradgradcheck(Exp.apply, x))


torch.manual_seed(1)  # checks have drawn numbers


class Numpy(Function):
    @staticmethod
    def forward(ctx, input):
        return input.new(np.abs(np.fft.rfft(input.detach().numpy())))

    @staticmethod
    def backward(ctx, grad_output):
        return grad_output.new(np.fft.irfft(grad_output.numpy(), 8))


input = torch.randn(8, requires_grad=True)
result = Numpy.apply(input)
result.backward(torch.randn(result.size()))
print(result, input.grad)


class MulConstant(Function):
    @staticmethod
    def forward(ctx, tensor, constant):
        ctx.set_materialize_grads(False)
        ctx.constant = constant
        return tensor * constant

    @staticmethod
    def backward(ctx, grad_output):
        if grad_output is None:
            return None, None
        return grad_output * ctx.constant, None


print(torch.autograd.grad(MulConstant.apply(input, 5).sum(), input)[0][:3])
try:
    Function.apply(input)
except (NotImplementedError, TypeError, RuntimeError) as e:
    print("no forward", isinstance(e, Exception))

# gradients: what is accumulated, cut, and kept
a = torch.tensor([2.0, 3.0], requires_grad=True)
b = torch.tensor([6.0, 4.0], requires_grad=True)
Q = 3 * a**3 - b**2
external_grad = torch.tensor([1.0, 1.0])
Q.backward(gradient=external_grad)
print(9 * a**2 == a.grad, -2 * b == b.grad)
inp = torch.eye(4, 5, requires_grad=True)
out = (inp + 1).pow(2).t()
out.backward(torch.ones_like(out), retain_graph=True)
print(f"First call\n{inp.grad}")
out.backward(torch.ones_like(out), retain_graph=True)
print(f"\nSecond call\n{inp.grad}")
inp.grad.zero_()
out.backward(torch.ones_like(out))
print(f"\nCall after zeroing gradients\n{inp.grad}")
z = torch.matmul(torch.ones(5), torch.randn(5, 3, requires_grad=True)) + torch.randn(3, requires_grad=True)
loss = F.binary_cross_entropy_with_logits(z, torch.zeros(3))
print(f"Gradient function for z = {z.grad_fn.name()}", f"loss = {type(loss.grad_fn).__name__}", z.requires_grad, z.detach().requires_grad)
for message, f in {
    "twice": lambda: (lambda s: (s.backward(), s.backward()))((a * a).sum()),
    "scalar": lambda: (a * 2).backward(),
    "no grad": lambda: torch.ones(2).sum().backward(),
    "leaf": lambda: a.add_(1),
    "numpy": lambda: a.numpy(),
    "unused": lambda: torch.autograd.grad(a.sum(), b),
}.items():
    try:
        f()
    except RuntimeError as e:
        print(message, any(text in str(e) for text in ("second time", "scalar outputs", "does not require grad", "leaf Variable", "numpy()", "not have been used")))

# hooks
grads = {}
h = a * 2
h.register_hook(lambda g: grads.__setitem__("h", g))
handle = a.register_hook(lambda g: g * 10)
a.grad = None
h.sum().backward()
print(grads, a.grad)
handle.remove()
model = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
activation = {}
handles = [m.register_forward_hook(lambda m, i, o, n=n: activation.__setitem__(n, o.detach())) for n, m in model.named_children()]
handles.append(model[2].register_full_backward_hook(lambda m, gi, go: print("backward", gi[0].shape, go[0])))
handles.append(model[0].register_forward_pre_hook(lambda m, i: (i[0] * 2,)))
model(torch.ones(1, 4)).sum().backward()
print({k: v.shape for k, v in activation.items()}, len(model[0]._forward_hooks), len(model[2]._backward_hooks))
for handle in handles:
    handle.remove()
print(len(model[0]._forward_hooks), torch.allclose(activation["2"], model(2 * torch.ones(1, 4))))
m = nn.Sequential(*[nn.Sequential(nn.Linear(4, 4), nn.Tanh()) for _ in range(4)])
inp = torch.ones(2, 4, requires_grad=True)
found = []
for f in (m, lambda v: checkpoint(m, v, use_reentrant=False), lambda v: checkpoint_sequential(m, 2, v, use_reentrant=False)):
    inp.grad = None
    f(inp).sum().backward()
    found.append(inp.grad)
print(found[0], all(torch.allclose(found[0], g) for g in found))

# Jacobians, Hessians, per-sample gradients, ensembles
f = lambda w, b, v: F.linear(v, w, b).tanh()  # noqa: E731
w, bias, v = torch.randn(3, 3), torch.randn(3), torch.randn(3)
print(jacrev(f, argnums=0)(w, bias, v).shape, torch.allclose(jacrev(f, argnums=2)(w, bias, v), jacfwd(f, argnums=2)(w, bias, v)))
print(jacobian(lambda u: f(w, bias, u), v))
print(torch.allclose(hessian(lambda u: f(w, bias, u).sum(), v), fhessian(lambda u: f(w, bias, u).sum())(v)), grad(grad(torch.sin))(torch.tensor(1.0)))
print(jvp(lambda u: f(w, bias, u), (v,), (torch.ones(3),))[1], vjp(lambda u: f(w, bias, u), v)[1](torch.ones(3))[0])
params = {k: p.detach() for k, p in model.named_parameters()}
data, targets = torch.randn(6, 4), torch.arange(6) % 2


def compute_loss(params, sample, target):
    predictions = functional_call(model, params, (sample.unsqueeze(0),))
    return F.cross_entropy(predictions, target.unsqueeze(0))


per_sample = vmap(grad(compute_loss), in_dims=(None, 0, 0))(params, data, targets)
one = [torch.autograd.grad(F.cross_entropy(model(data[i : i + 1]), targets[i : i + 1]), list(model.parameters())) for i in range(6)]
print({k: g.shape for k, g in per_sample.items()}, all(torch.allclose(g, torch.stack([o[k] for o in one]), atol=1e-6) for k, g in enumerate(per_sample.values())))
models = [nn.Linear(4, 2) for _ in range(3)]
stacked, buffers = stack_module_state(models)
print(vmap(lambda p, b, u: functional_call(models[0], (p, b), (u,)), in_dims=(0, 0, None))(stacked, buffers, data[:2]).shape, vmap(torch.dot)(data, data).shape, Parameter(torch.ones(1)))
