"""Training by compiled steps: the numbers of eager ones to rounding, and its own to the last bit."""

import json
import re
import sys
import time

import numpy as np
import pytest

import microgradient as mg
from microgradient import nn
from microgradient.cli import main
from microgradient.errors import NonFiniteError, TraceError
from microgradient.recipes import RECIPES, TableRecipe
from microgradient.train import progress, safetensors
from microgradient.train.loop import InterruptedRunError
from microgradient.train.options import Options
from microgradient.train.progress import show_progress
from microgradient.train.run_folder import METRICS, MODEL, OPTIMIZER, RUN, RunFolder
from microgradient.train.step import Step
from test_train_loop import Noisy, begin, content, quiet, resume

SGD = {"optimizer": "sgd", "lr": 0.1}  # Adam enlarges the rounding of gradients near 0


class Plain(Noisy):
    """Without the bias that the normalisation takes away again: its gradient is rounding and nothing else."""

    def __init__(self, options):
        super().__init__(options)
        self.model[0] = nn.Linear(3, 8, bias=False)


def arrays(path, name=MODEL):
    return safetensors.load(path / name)[0]


def steps(make, options: Options, count: int):
    """The losses of a few steps, the last of them a small batch, the parameters after, and the draws made."""
    mg.manual_seed(0)
    recipe = make(options)
    optimizer = recipe.optimizer()
    recipe.model.train()
    step = Step(recipe, optimizer, show_progress(1, count, 0, ""))
    losses = []
    for number in range(count):
        recipe.set_learning_rate(optimizer, options.lr / (1 + number))
        size = options.batch_size if number < count - 1 else 3
        examples = np.random.default_rng(number).permutation(recipe.train_size)[:size]
        losses.append(step(examples, number + 1))
    state = {name: np.array(p.data) for name, p in recipe.model.named_parameters()}
    return losses, state, mg.random.get_state(), step.descend


def agree(make, defaults: Options, **given) -> None:
    chosen = {**defaults.as_dict(), **given}
    compiled = steps(make, type(defaults)(**{**chosen, "compile": True}), 4)
    eager = steps(make, type(defaults)(**{**chosen, "compile": False}), 4)
    np.testing.assert_allclose(compiled[0], eager[0], rtol=1e-5)
    for name, value in eager[1].items():
        np.testing.assert_allclose(compiled[1][name], value, rtol=1e-3, atol=1e-4 * np.abs(value).max(), err_msg=name)
    assert compiled[2] == eager[2]
    stats = compiled[3].stats()
    assert stats.get("programs", stats.get("traces")) == (3 if make is RECIPES["names"] else 2)  # names of two lengths
    assert not stats["host_calls"]


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("two-layer", {"batch_size": 4}),
        ("moons", {"batch_size": 8}),
        ("digits", {"batch_size": 16, **SGD}),
        ("digits", {"batch_size": 8, "model": "cnn", **SGD}),
        ("names", {"batch_size": 4, **SGD}),
    ],
)
def test_every_recipes_steps_are_the_eager_ones(name, given):
    agree(RECIPES[name], RECIPES[name].defaults, **given)


@pytest.mark.parametrize("target", ["size", "colour"])
def test_a_tables_steps_are_the_eager_ones(tmp_path, target):
    rows = [f"{i % 7}.5,{('red', 'blue', 'green')[i % 3]},{i % 5}" for i in range(80)]
    (tmp_path / "t.csv").write_text("size,colour,n\n" + "\n".join(rows))
    agree(lambda options: TableRecipe(options, tmp_path / "t.csv"), TableRecipe.defaults, target=target, batch_size=8)


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw"])
def test_a_run_has_the_same_numbers_compiled_or_not(tmp_path, optimizer):
    begin(tmp_path / "c", Plain, optimizer=optimizer).run(quiet)
    begin(tmp_path / "e", Plain, optimizer=optimizer, compile=False).run(quiet)
    for name in (MODEL, OPTIMIZER):
        compiled, eager = arrays(tmp_path / "c", name), arrays(tmp_path / "e", name)
        assert compiled.keys() == eager.keys()
        for key, value in eager.items():
            assert (compiled[key].shape, compiled[key].dtype) == (value.shape, value.dtype)
            np.testing.assert_allclose(compiled[key], value, rtol=1e-3, atol=1e-5, err_msg=key)
    assert RunFolder.open(tmp_path / "c").run.position.rng == RunFolder.open(tmp_path / "e").run.position.rng


def test_a_run_says_whether_it_is_compiled_and_keeps_to_it(tmp_path):
    begin(tmp_path / "r", epochs=2, compile=False).run(quiet)
    assert RunFolder.open(tmp_path / "r").run.command.endswith(" --no-compile")
    said = []
    session = resume(tmp_path / "r", epochs=3)
    session.run(said.append)
    assert not session.recipe.options.compile
    assert not any("compiled" in line for line in said)
    begin(tmp_path / "whole", epochs=3, compile=False).run(quiet)
    assert content(tmp_path / "r") == content(tmp_path / "whole")


@pytest.mark.parametrize(("before", "told"), [(False, "from here on compiled"), (True, "from here on not compiled")])
def test_a_run_that_goes_on_the_other_way_says_so(tmp_path, before, told):
    begin(tmp_path / "r", Plain, epochs=2, compile=before).run(quiet)
    said = []
    session = resume(tmp_path / "r", Plain, epochs=4, compile=not before)
    session.run(said.append)
    assert f"{told}, unlike before: the numbers are the same to rounding" in said
    assert RunFolder.open(tmp_path / "r").run.options["compile"] is not before
    begin(tmp_path / "whole", Plain, compile=before).run(quiet)
    for key, value in arrays(tmp_path / "whole").items():
        np.testing.assert_allclose(arrays(tmp_path / "r")[key], value, rtol=1e-3, atol=1e-5)


def test_a_run_from_before_there_was_a_choice_goes_on_eagerly(tmp_path):
    begin(tmp_path / "r", epochs=1, compile=False).run(quiet)
    run = json.loads((tmp_path / "r" / RUN).read_text())
    del run["options"]["compile"]
    (tmp_path / "r" / RUN).write_text(json.dumps(run))
    assert not resume(tmp_path / "r", epochs=2).recipe.options.compile


@pytest.mark.parametrize("compiled", [True, False])
def test_a_step_with_a_bad_loss_changes_nothing_in_the_model_and_no_draw(compiled):
    mg.manual_seed(1)
    recipe = Plain(Options(**{**Plain.defaults.as_dict(), "compile": compiled}))
    optimizer = recipe.optimizer()
    step = Step(recipe, optimizer, show_progress(1, 3, 0, ""))
    step(np.arange(4), 1)
    step(np.arange(4), 2)
    before = {name: p.data.copy() for name, p in recipe.model.state_dict().items()}
    recipe.y[2] = 1e30
    draws = mg.random.get_state()
    with (
        pytest.raises(NonFiniteError, match=r"The loss became inf at step 3: the first operation"),
        np.errstate(all="ignore"),
    ):
        step(np.arange(4), 3)
    for name, tensor in recipe.model.state_dict().items():
        np.testing.assert_array_equal(tensor.data, before[name])
    assert mg.random.get_state()["counter"] <= draws["counter"] + 20


def test_moons_that_diverge_keep_their_weights():
    recipe = RECIPES["moons"](RECIPES["moons"].defaults)
    optimizer = recipe.optimizer()
    step = Step(recipe, optimizer, show_progress(1, 3, 0, ""))
    step(np.arange(4), 1)
    recipe.x[1] = np.inf
    before = [p.data for p in recipe.model.parameters()]
    with pytest.raises(NonFiniteError, match=r"The loss became (nan|inf) at step 2: "):
        step(np.arange(4), 2)
    assert [p.data for p in recipe.model.parameters()] == before


class Looking(Noisy):
    name = "looking"

    def batch_loss(self, x, y):
        loss = super().batch_loss(x, y)
        return loss if loss.item() > 0 else -loss


def test_a_recipe_that_can_not_be_compiled_is_told_how_to_run(tmp_path):
    with pytest.raises(TraceError, match=r"looking can't be compiled: test_train_compiled\.py:\d+: .*--no-compile"):
        begin(tmp_path / "r", Looking).run(quiet)
    begin(tmp_path / "e", Looking, compile=False, epochs=1).run(quiet)
    assert RunFolder.open(tmp_path / "e").run.position.step == 5


def test_ctrl_c_while_a_step_compiles_waits_for_it(tmp_path):
    session = begin(tmp_path / "r")
    session.recipe.stop_at = 1
    with pytest.raises(InterruptedRunError, match="Stopped after 1 steps"):
        session.run(quiet)


def test_a_long_compilation_is_told_and_a_short_one_is_not(capsys, monkeypatch):
    monkeypatch.setattr(progress, "_COMPILING_SECONDS", 0.05)
    lines = progress.Progress(1, 1, 0, "")
    with lines.compiling():
        pass
    assert capsys.readouterr().out == ""
    with lines.compiling():
        deadline = time.monotonic() + 10
        shown = ""
        while not shown and time.monotonic() < deadline:
            time.sleep(0.01)
            shown = capsys.readouterr().out
    assert shown == "compiling the training step …\n"


def test_the_command_line_can_turn_it_off(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["train", "two-layer", "--epochs", "3", "--no-compile", "--out", "e"]) == 0
    assert main(["train", "two-layer", "--epochs", "3", "--out", "c"]) == 0
    runs = [json.loads((tmp_path / name / RUN).read_text()) for name in "ec"]
    assert [run["options"]["compile"] for run in runs] == [False, True]
    losses = [json.loads((tmp_path / name / METRICS).read_text().splitlines()[-1])["train_loss"] for name in "ec"]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    capsys.readouterr()
    assert main(["train", "two-layer", "--epochs", "4", "--compile", "--resume", "--out", "e"]) == 0
    assert "from here on compiled, unlike before" in capsys.readouterr().out


@pytest.mark.parametrize(("recipe", "size"), [("two-layer", 3), ("moons", 30)])  # the last batch of an epoch is smaller
def test_without_llvmlite_a_run_warns_once_and_goes_on(tmp_path, recipe, size):
    import subprocess

    code = (
        "import sys; sys.modules['llvmlite'] = None\nfrom microgradient.cli import main\nsys.exit(main(sys.argv[1:]))"
    )
    words = ["train", recipe, "--epochs", "2", "--batch-size", f"{size}", "--out", "r"]
    done = subprocess.run(
        [sys.executable, "-c", code, *words], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"Warning: llvmlite could not be loaded, .*\[MG207\]\n", done.stderr), done.stderr
