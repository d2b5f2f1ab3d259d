"""What a program brought from PyTorch leans on besides the names: order of draws, gradients' class, state, classes of errors."""

import re
import subprocess
import sys

import pytest

import microgradient.torch as torch
from microgradient.errors import MissingNameError
from microgradient.torch.utils.checkpoint import checkpoint, checkpoint_sequential


@pytest.mark.parametrize("reentrant", [False, True])
def test_a_checkpoint_drops_the_same_entries_again(reentrant):
    model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Dropout(0.5), torch.nn.Linear(8, 1))
    x = torch.ones(3, 4, requires_grad=True)

    def gradient(call):
        torch.manual_seed(3)
        x.grad = None
        call(x).sum().backward()
        return x.grad.clone(), torch.rand(1)

    wanted, after = gradient(model)
    for call in (
        lambda x: checkpoint(model, x, use_reentrant=reentrant),
        lambda x: checkpoint_sequential(model, 2, x, use_reentrant=reentrant),
    ):
        found, then = gradient(call)
        assert torch.allclose(found, wanted)
        assert torch.equal(then, after)


def test_lbfgs_with_a_line_search_finds_the_minimum():
    x = torch.tensor([-1.2, 1.0], dtype=torch.double, requires_grad=True)
    optimizer = torch.optim.LBFGS([x], max_iter=60, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        loss = (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2
        loss.backward()
        return loss

    optimizer.step(closure)
    optimizer.step(closure)
    assert torch.allclose(x.detach(), torch.ones(2, dtype=torch.double), atol=1e-3)


class _Averaged(torch.optim.Optimizer):
    """An optimiser as PyTorch's are written: with a `step` of its own."""

    def __init__(self, params):
        super().__init__(params, {"lr": 0.1})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                state = self.state[p]
                if not state:
                    state["step"], state["average"] = 0, torch.zeros_like(p)
                state["step"] += 1
                state["average"].mul_(0.9).add_(p.grad, alpha=0.1)
                p.add_(state["average"], alpha=-group["lr"])


def test_an_optimiser_with_its_own_step_goes_on_from_a_saved_state(tmp_path):
    def trained(model, optimizer, steps):
        for _ in range(steps):
            optimizer.zero_grad()
            model(torch.ones(1, 2)).square().sum().backward()
            optimizer.step()

    model = torch.nn.Linear(2, 1)
    optimizer = _Averaged(model.parameters())
    trained(model, optimizer, 2)
    torch.save([model.state_dict(), optimizer.state_dict()], tmp_path / "state.pt")
    trained(model, optimizer, 2)
    other = torch.nn.Linear(2, 1)
    resumed = _Averaged(other.parameters())
    weights, state = torch.load(tmp_path / "state.pt")
    assert state["state"][0]["step"] == 2
    other.load_state_dict(weights)
    resumed.load_state_dict(state)
    trained(other, resumed, 2)
    assert torch.equal(other.weight, model.weight)
    assert torch.equal(other.bias, model.bias)


def test_a_backward_hook_is_called_where_no_input_has_a_gradient():
    layer, called = torch.nn.Linear(2, 3), []
    layer.register_full_backward_hook(lambda module, ins, outs: called.append((ins, outs[0].tolist())))
    layer(torch.ones(1, 2)).sum().backward()
    assert called == [((None,), [[1.0, 1.0, 1.0]])]


def test_gradients_stay_tensors_of_this_kind():
    layer = torch.nn.Linear(2, 1)
    layer(torch.ones(2)).sum().backward()
    torch.nn.utils.clip_grad_norm_(layer.parameters(), 0.5)
    assert type(layer.weight.grad) is torch.Tensor
    torch.nn.utils.clip_grad_value_(layer.parameters(), 0.1)
    layer.weight.grad.mul_(0)
    assert layer.weight.grad.tolist() == [[0.0, 0.0]]


def test_a_sampler_by_itself_draws_from_the_shared_generator():
    from microgradient.torch.utils.data import BatchSampler, RandomSampler, SubsetRandomSampler, WeightedRandomSampler

    for sampler in (
        RandomSampler(range(50)),
        RandomSampler(range(50), replacement=True),
        SubsetRandomSampler(range(50)),
        WeightedRandomSampler([1.0] * 50, 50),
        BatchSampler(RandomSampler(range(50)), 8, False),
    ):
        torch.manual_seed(0)
        first, second = list(sampler), list(sampler)
        torch.manual_seed(0)
        assert list(sampler) == first != second


WRONG = {
    "shapes": (lambda: torch.ones(2) + torch.ones(3), RuntimeError),
    "features": (lambda: torch.nn.Linear(2, 1)(torch.ones(3)), RuntimeError),
    "no tensor": (lambda: torch.matmul(torch.ones(2), 3), TypeError),
    "None": (lambda: torch.dot(torch.ones(2), None), TypeError),
    "mask": (lambda: torch.ones(2).masked_fill(torch.tensor([1, 0]), 0), RuntimeError),
    "size": (lambda: torch.randint(0, 5, 2), TypeError),
    "state": (lambda: torch.nn.Linear(1, 1).load_state_dict([1]), TypeError),
    "file": (lambda: torch.load("not-there.pt"), FileNotFoundError),
    "quotient by 0": (lambda: torch.tensor([1]) // 0, RuntimeError),
    "remainder of 0": (lambda: 5 % torch.tensor([0, 1]), RuntimeError),
    "truncated": (lambda: torch.div(torch.tensor(5), 0, rounding_mode="trunc"), RuntimeError),
    "fmod": (lambda: torch.fmod(torch.tensor([5]), torch.tensor(0)), RuntimeError),
    "to": (lambda: torch.ones(2).to([1]), TypeError),
    "type": (lambda: torch.ones(2).type("torch.Foo"), ValueError),
    "windows": (lambda: torch.ones(3).unfold(0, 5, 1), RuntimeError),
    "no step": (lambda: torch.ones(3).unfold(0, 1, 0), RuntimeError),
    "one factor": (lambda: torch.linalg.multi_dot([torch.ones(2)]), RuntimeError),
    "norm": (lambda: torch.linalg.norm(torch.ones(2), ord="foo"), RuntimeError),
    "order": (lambda: torch.special.polygamma(-1, torch.ones(2)), RuntimeError),
    "values": (lambda: torch.arange(4.0).__setitem__(torch.tensor([True] * 4), torch.ones(3)), RuntimeError),
    "no shape": (lambda: torch.zeros(), TypeError),
    "bool": (lambda: torch.zeros(True), TypeError),
    "label": (lambda: torch.nn.functional.cross_entropy(torch.ones(1, 3), torch.tensor([5])), IndexError),
    "schedule": (
        lambda: torch.optim.lr_scheduler.LambdaLR(torch.optim.SGD([torch.ones(1, requires_grad=True)]), 3),
        TypeError,
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_errors_have_a_code_and_pytorchs_class(name):
    call, kind = WRONG[name]
    with pytest.raises(kind, match=r"\[MG\d+\]$"):
        call()


def test_powers_of_booleans_are_whole_numbers():
    assert (torch.tensor([True, False]) ** 2).dtype == torch.int64
    assert (torch.tensor([5.0]) // 0).tolist() == [float("inf")]


PROGRAMS = {
    "from torch.distributed import init_process_group\ninit_process_group('gloo')": "no `torch.distributed.init_process_group`",
    "import torch\ntorch.fft.foo": r"no `torch\.fft\.foo` here",
    "import torch\ntorch.ones(2) @ torch.ones(3, 3)": "cannot be multiplied",
}


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_that_fails_shows_its_own_lines_only(program, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(program)
    command = [sys.executable, "-m", "microgradient", "run", str(script)]
    found = subprocess.run(command, capture_output=True, text=True)
    assert found.returncode == 1
    assert "script.py" in found.stderr
    assert "microgradient/torch/" not in found.stderr
    assert re.search(PROGRAMS[program], found.stderr)


def test_what_is_said_to_a_compiler_is_understood():
    import microgradient.torch._dynamo as dynamo

    dynamo.config.suppress_errors = True
    dynamo.reset()
    assert torch.compiler.disable(abs) is abs
    assert not torch.compiler.is_compiling()


def test_a_timer_counts_its_runs():
    now = [0.0]

    def clock():
        now[0] += 0.01
        return now[0]

    calls = []
    timer = torch.utils.benchmark.Timer("f(1)", "f(2)", timer=clock, globals={"f": calls.append}, label="appending")
    found = timer.timeit(5)
    assert (calls.count(1), found.number_per_run, len(found.times)) == (2 + 5, 5, 1)
    assert found.mean == found.median == pytest.approx(0.01 / 5)
    rounds = []
    found = timer.blocked_autorange(lambda number, seconds: rounds.append(number), min_run_time=0.035)
    assert rounds == [1] * len(found.times) == [1] * 4
    assert "appending" in repr(found)
    assert "10.00 ms" in repr(found)


def test_what_is_accepted_says_that_nothing_is_done():
    with pytest.warns(Warning, match="on_trace_ready is not called"):
        profiler = torch.profiler.profile(
            activities=[torch.profiler.ProfilerActivity.CPU],
            schedule=torch.profiler.schedule(wait=1, warmup=1, active=3),
            on_trace_ready=torch.profiler.tensorboard_trace_handler("log"),
        )
    profiler.start(), profiler.step(), profiler.stop()
    with (
        pytest.warns(Warning, match="are not called here"),
        torch.autograd.graph.saved_tensors_hooks(lambda x: x, lambda x: x),
    ):
        pass
    assert not isinstance(torch.jit.script(torch.nn.Linear(1, 1)), torch.jit.ScriptModule)
    with pytest.raises(MissingNameError, match="scaled_dot_product_attention"):
        torch.nn.attention.flex_attention.flex_attention(1, 2, 3)
