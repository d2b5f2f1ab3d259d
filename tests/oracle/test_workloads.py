"""benchmarks/steps.py compares like with like: ours, PyTorch and micrograd compute the same losses, step after step."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from workloads import micrograd_, ours, pytorch  # noqa: E402
from workloads.definitions import WORKLOADS  # noqa: E402


def losses(step, count=3):
    found = []
    for _ in range(count):
        step.run(1)
        found.append(step.loss())
    return found


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # PyTorch's own
@pytest.mark.parametrize("name", [name for name, workload in WORKLOADS.items() if "torch" in workload.peers])
def test_steps_as_in_pytorch(name):
    with torch.compiler.set_stance("force_eager"):
        theirs = losses(pytorch.build(name))
    assert losses(ours.build(name, compiled=False)) == pytest.approx(theirs, rel=1e-5)


def test_steps_as_in_micrograd():
    assert losses(ours.build("W2", compiled=False), 2) == pytest.approx(losses(micrograd_.build("W2"), 2), rel=1e-12)


@pytest.mark.parametrize("name", [name for name, workload in WORKLOADS.items() if workload.kind == "training"])
def test_the_loss_falls(name):
    before, *_, after = losses(ours.build(name, compiled=False), 3)
    assert after < before


def test_the_counted_arithmetic_is_that_of_the_layers():
    """Six FLOPs for each weight and row that it meets, two less where nobody needs the derivative of the input."""
    weights = WORKLOADS["W3"].weights()
    sizes = [weights[name].size for name in ("0.weight", "2.weight")]
    assert WORKLOADS["W3"].flops == 64 * (4 * sizes[0] + 6 * sizes[1])
    weights = WORKLOADS["W6"].weights()
    products = sum(a.size for name, a in weights.items() if a.ndim == 2 and name.split(".")[0] in ("blocks", "head"))
    attention = 4 * 12 * 4 * 6 * 2 * 32 * sum(range(1, 65))  # layers, batch, heads; scores and means; pairs in order
    assert WORKLOADS["W6"].flops == 12 * 64 * 6 * products + attention


def test_the_counted_arithmetic_of_convolutions():
    """As above, with as many rows as there are pixels; a stride of 2 leaves a quarter of them to the next stages."""
    sizes = {name: a.size for name, a in WORKLOADS["resnet"].weights().items() if a.ndim in (2, 4)}
    pixels = {
        "stem": 1024,
        "blocks.0": 1024,
        "blocks.1": 1024,
        "blocks.2": 256,
        "blocks.3": 256,
        "blocks.4": 64,
        "blocks.5": 64,
    }
    found = {
        name: size * next((n for start, n in pixels.items() if name.startswith(start)), 1)
        for name, size in sizes.items()
    }
    assert WORKLOADS["resnet"].flops == 32 * (6 * sum(found.values()) - 2 * found["stem.weight"])
    assert WORKLOADS["gpt-1"].flops * 36 == WORKLOADS["W6"].flops  # a twelfth of the batch, a third of the products
