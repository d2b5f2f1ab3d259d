"""The training loop: a run that is stopped anywhere and resumed is the unbroken run, to the last bit."""

import json
import os
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import microgradient as mg
from microgradient import nn, random
from microgradient.errors import ArgumentError, DataError, NonFiniteError
from microgradient.native.runtime import blas
from microgradient.nn.functional import mse_loss
from microgradient.train import safetensors
from microgradient.train.loop import InterruptedRunError
from microgradient.train.options import Options
from microgradient.train.recipe import Metric, Recipe
from microgradient.train.run_folder import METRICS, MODEL, OPTIMIZER, RunFolder
from microgradient.train.session import Session


class Noisy(Recipe):
    """A small regression whose steps depend on everything a step may depend on: random draws, buffers, a falling rate."""

    name = "noisy"
    summary = "for tests"
    defaults = Options(epochs=4, batch_size=4, lr=0.05, optimizer="adam", model="mlp")
    models = ("mlp",)
    lr_decay = 0.3
    clip_norm = 1.0
    train_size = 18
    stop_at = -1  # the step in which Ctrl-C arrives

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        draw = np.random.default_rng(0)
        self.x = draw.normal(size=(18, 3)).astype(np.float32)
        self.y = np.sin(self.x.sum(axis=1, keepdims=True))
        self.model = nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 1))
        self.calls = 0

    def batch(self, examples):
        self.calls += 1
        if self.calls == self.stop_at:
            os.kill(os.getpid(), signal.SIGINT)
        x = self.x[examples] + random.uniform((len(examples), 3)).data * 0.1
        return mg.tensor(x), mg.tensor(self.y[examples])

    def batch_loss(self, x, y):
        return mse_loss(self.model(x + random.normal(x.shape) * 0.1), y)

    def evaluate(self):
        return [Metric("error", float(mse_loss(self.model(mg.tensor(self.x)), mg.tensor(self.y)).data))]

    def data_arrays(self):
        yield from (self.x, self.y)


class Spiky(Noisy):
    """Noisy, with a step whose gradients are a thousand times too large."""

    name = "spiky"

    def batch(self, examples):
        x, y = super().batch(examples)
        return x, y * (1000.0 if self.calls == 15 else 1.0)


def quiet(_line: str) -> None: ...


def begin(path: Path, kind: type[Recipe] = Noisy, **given) -> Session:
    return Session.begin(kind.name, kind, kind, given, path)


def resume(path: Path, kind: type[Recipe] = Noisy, **given) -> Session:
    return Session.resume(kind.name, kind, kind, given, path)


def content(path: Path) -> dict[str, bytes]:
    return {name: (path / name).read_bytes() for name in (MODEL, OPTIMIZER, METRICS)}


@pytest.fixture(scope="module", params=["adam", "sgd"])
def unbroken(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "unbroken"
    begin(path, optimizer=request.param).run(quiet)
    return request.param, content(path)


@pytest.mark.parametrize("epochs", [1, 2, 3])
def test_fewer_epochs_resumed_to_four_are_four(unbroken, tmp_path, epochs):
    optimizer, expected = unbroken
    begin(tmp_path / "r", optimizer=optimizer, epochs=epochs).run(quiet)
    random.manual_seed(999)  # another process would not have our generator's state either
    resume(tmp_path / "r", epochs=4).run(quiet)
    assert content(tmp_path / "r") == expected


@pytest.mark.parametrize("compiled", [True, False])
def test_gradients_are_clipped_at_a_measured_norm_and_a_resumed_run_at_the_same(tmp_path, compiled):
    begin(tmp_path / "whole", clip="auto", compile=compiled, epochs=5).run(quiet)
    stopped = begin(tmp_path / "r", clip="auto", compile=compiled, epochs=5)
    stopped.recipe.stop_at = 14
    with pytest.raises(InterruptedRunError):
        stopped.run(quiet)
    resume(tmp_path / "r").run(quiet)
    assert content(tmp_path / "r") == content(tmp_path / "whole")
    norms = RunFolder.open(tmp_path / "r").run.position.norms
    assert len(norms) == 25

    def weights(name, clip, epochs):
        begin(tmp_path / name, Spiky, clip=clip, compile=compiled, epochs=epochs).run(quiet)
        return RunFolder.peek(tmp_path / name).weights()["0.weight"]

    two = weights("none-2", "none", 2), weights("auto-2", "auto", 2)  # no norm is known in the first ten steps
    np.testing.assert_allclose(*two, rtol=1e-5)
    assert not np.allclose(weights("none-4", "none", 4), weights("auto-4", "auto", 4), rtol=1e-3)


@pytest.mark.parametrize("step", [1, 4, 5, 6, 12, 19])  # five steps an epoch
def test_a_run_stopped_after_any_step_goes_on_as_if_it_had_not(unbroken, tmp_path, step):
    optimizer, expected = unbroken
    session = begin(tmp_path / "r", optimizer=optimizer)
    session.recipe.stop_at = step
    with pytest.raises(InterruptedRunError):
        session.run(quiet)
    assert RunFolder.open(tmp_path / "r").run.position.step == step
    random.manual_seed(999)
    resume(tmp_path / "r").run(quiet)
    assert content(tmp_path / "r") == expected


def test_ctrl_c_in_the_last_step_ends_the_run_as_usual(unbroken, tmp_path):
    optimizer, expected = unbroken
    session = begin(tmp_path / "r", optimizer=optimizer)
    session.recipe.stop_at = 20
    session.run(quiet)
    assert content(tmp_path / "r") == expected


def test_ctrl_c_pressed_twice_loses_nothing(unbroken, tmp_path):
    optimizer, expected = unbroken
    session = begin(tmp_path / "r", optimizer=optimizer)
    session.recipe.stop_at = 7
    inner = session.recipe.batch

    def batch(examples):
        if session.recipe.calls == 6:
            os.kill(os.getpid(), signal.SIGINT)
        return inner(examples)

    session.recipe.batch = batch
    with pytest.raises(InterruptedRunError, match="Stopped after 7 steps"):
        session.run(quiet)
    resume(tmp_path / "r").run(quiet)
    assert content(tmp_path / "r") == expected


def test_a_run_killed_without_warning_goes_on_from_its_last_save(unbroken, tmp_path, monkeypatch):
    optimizer, expected = unbroken

    class Killed(BaseException): ...

    monkeypatch.setattr("microgradient.train.loop._SAVE_SECONDS", 0.0)  # a save after every step
    session = begin(tmp_path / "r", optimizer=optimizer)
    inner = session.recipe.batch

    def batch(examples):
        if session.recipe.calls == 13:
            raise Killed
        return inner(examples)

    session.recipe.batch = batch
    with pytest.raises(Killed):
        session.run(quiet)
    with open(tmp_path / "r" / METRICS, "a") as file:
        file.write('{"epoch": 3, "st')
    resume(tmp_path / "r").run(quiet)
    assert content(tmp_path / "r") == expected


def test_a_seed_decides_everything(unbroken, tmp_path):
    optimizer, expected = unbroken
    begin(tmp_path / "same", optimizer=optimizer, seed=0).run(quiet)
    begin(tmp_path / "other", optimizer=optimizer, seed=1).run(quiet)
    assert content(tmp_path / "same") == expected
    assert content(tmp_path / "other")[MODEL] != expected[MODEL]


def test_every_example_is_shown_once_an_epoch_and_the_rate_falls(tmp_path):
    session = begin(tmp_path / "r", epochs=2)
    inner, shown = session.recipe.batch, []
    session.recipe.batch = lambda examples: shown.append(examples) or inner(examples)
    session.run(quiet)
    assert [len(batch) for batch in shown] == [4, 4, 4, 4, 2] * 2
    first, second = np.concatenate(shown[:5]), np.concatenate(shown[5:])
    assert sorted(first) == sorted(second) == list(range(18))
    assert list(first) != list(second)
    lines = [json.loads(line) for line in (tmp_path / "r" / METRICS).read_text().splitlines()]
    assert [line["lr"] for line in lines] == [0.05, 0.05 / 1.3]
    assert [line["step"] for line in lines] == [5, 10]


def test_the_result_and_how_to_repeat_it_are_written(tmp_path):
    begin(tmp_path / "r", epochs=1, lr=0.01).run(quiet)
    run = RunFolder.open(tmp_path / "r").run
    assert run.command == (
        "microgradient train noisy --epochs 1 --batch-size 4 --lr 0.01 --optimizer adam --model mlp --seed 0"
    )
    assert run.result.keys() == {"error"}
    assert run.versions["numpy"] == np.__version__
    model, metadata = safetensors.load(tmp_path / "r" / MODEL)
    assert metadata == {"recipe": "noisy", "step": "5", "run": run.id}
    lines = (tmp_path / "r" / METRICS).read_text().splitlines()
    assert [json.loads(line)["run"] for line in lines] == [run.id]
    assert run.id == begin(tmp_path / "same", epochs=3, lr=0.01).folder.run.id
    assert run.id != begin(tmp_path / "other", epochs=1, lr=0.02).folder.run.id
    assert list(model["0.weight"].shape) == [8, 3]


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"lr": 0.5}, r"has --lr 0\.05, and can't be resumed with --lr 0\.5"),
        ({"batch_size": 3}, "--batch-size 4"),
        ({"seed": 5}, "--seed 0"),
        ({"optimizer": "sgd"}, "--optimizer adam"),
        ({"epochs": 1}, "already trained 2 epochs: --epochs 1 is fewer"),
    ],
)
def test_a_run_is_not_resumed_as_another(tmp_path, given, why):
    begin(tmp_path / "r", epochs=2).run(quiet)
    before = content(tmp_path / "r")
    with pytest.raises(ArgumentError, match=why):
        resume(tmp_path / "r", **given)
    assert content(tmp_path / "r") == before


def test_resuming_with_the_same_options_or_a_finished_run_is_fine(tmp_path):
    begin(tmp_path / "r", epochs=2).run(quiet)
    before = content(tmp_path / "r")
    resume(tmp_path / "r", epochs=2, lr=0.05, seed=0).run(quiet)
    assert content(tmp_path / "r") == before


def test_a_folder_of_another_recipe_is_refused(tmp_path):
    class Other(Noisy):
        name = "other"

    begin(tmp_path / "r", epochs=1).run(quiet)
    with pytest.raises(ArgumentError, match="holds a run of noisy, not of other"):
        resume(tmp_path / "r", Other)


def test_changed_data_are_refused(tmp_path):
    class Changed(Noisy):
        def __init__(self, options):
            super().__init__(options)
            self.x = self.x + 1

    begin(tmp_path / "r", epochs=1).run(quiet)
    with pytest.raises(DataError, match=r"not those that the run in .* began with"):
        resume(tmp_path / "r", Changed)


def test_a_model_of_other_shapes_is_refused(tmp_path):
    begin(tmp_path / "r", epochs=1).run(quiet)
    path = tmp_path / "r" / MODEL
    arrays, metadata = safetensors.load(path)
    run = json.loads((tmp_path / "r" / "run.json").read_text())
    (tmp_path / "r" / "run.json").write_text(json.dumps({**run, "sha256": {}}))
    safetensors.save(path, {**arrays, "0.weight": np.zeros((8, 4), np.float32)}, metadata)
    with pytest.raises(DataError, match=r"`0\.weight` has the shape \(8, 4\), expected \(8, 3\)"):
        resume(tmp_path / "r")
    del arrays["4.bias"]
    safetensors.save(path, arrays, metadata)
    with pytest.raises(DataError, match=r"`4\.bias` has the shape none"):
        resume(tmp_path / "r")


def test_a_generator_state_that_is_none_is_refused(tmp_path):
    begin(tmp_path / "r", epochs=1).run(quiet)
    path = tmp_path / "r" / "run.json"
    run = json.loads(path.read_text())
    run["position"]["rng"] = {"nonsense": 1}
    path.write_text(json.dumps(run))
    with pytest.raises(DataError, match="does not fit"):
        resume(tmp_path / "r")


class Diverging(Noisy):
    name = "diverging"
    bad_step = 8

    def batch(self, examples):
        x, y = super().batch(examples)
        return x, y, mg.tensor(1e9 if self.calls >= self.bad_step else 0.0)

    def batch_loss(self, x, y, shift):
        return mg.mean(mg.log(super().batch_loss(x, y) + 1.0 - shift))


def test_a_loss_that_is_not_a_number_names_the_first_operation_and_keeps_the_last_good_state(tmp_path):
    session = begin(tmp_path / "r", Diverging)
    with pytest.raises(
        NonFiniteError,
        match=r"The loss became nan at step 8: .*first operation .* at test_train_loop\.py:\d+: `log` gives NaN",
    ):
        session.run(quiet)
    folder = RunFolder.open(tmp_path / "r")
    model, _ = folder.load()
    assert all(np.isfinite(array).all() for array in model.values())
    assert np.isfinite(folder.run.position.loss_sum)


def test_an_overflow_inside_a_layer_names_the_layer(tmp_path):
    session = begin(tmp_path / "r", lr=1e-3)
    session.recipe.model[0].weight.data = np.full((8, 3), 3e38, np.float32)
    session.recipe.x = session.recipe.x * 1e6
    with pytest.raises(
        NonFiniteError, match=r"`matmul` in `0`.*\[.*\].*No step was taken before: the data, or the first weights"
    ):
        session.run(quiet)


def test_parameters_that_are_not_finite_are_named_and_never_saved(tmp_path):
    session = begin(tmp_path / "r")
    session.recipe.model[4].bias.data = np.array([np.nan], np.float32)
    with pytest.raises(NonFiniteError, match=r"1 of 1 entries of the parameter `4\.bias` are not finite"):
        session.run(quiet)
    model, _ = RunFolder.open(tmp_path / "r").load()
    assert np.isfinite(model["4.bias"]).all()


def test_a_last_step_that_overflows_is_no_result(tmp_path):
    """There is no further loss that would tell."""
    session = begin(tmp_path / "r", epochs=1, lr=1e39, optimizer="sgd", batch_size=18)
    with pytest.raises(NonFiniteError, match=r"After step 1, .* of the parameter `\S+` are not finite"):
        session.run(quiet)
    folder = RunFolder.open(tmp_path / "r")
    assert folder.run.position.step == 0
    assert all(np.isfinite(array).all() for array in folder.load()[0].values())


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"epochs": 0}, "--epochs must be at least 1, not 0"),
        ({"epochs": -3}, "--epochs must be at least 1, not -3"),
        ({"batch_size": 0}, "--batch-size must be at least 1"),
        ({"lr": float("nan")}, "--lr must be a positive number, not nan"),
        ({"lr": float("inf")}, "--lr must be a positive number, not inf"),
        ({"lr": 0.0}, "--lr must be a positive"),
        ({"seed": -1}, "--seed must be between"),
        ({"seed": 2**63}, "--seed must be between"),
        ({"optimizer": "adamm"}, "no --optimizer 'adamm': did you mean adam"),
        (
            {"optimizer": "qqq"},
            "no --optimizer 'qqq': choose from adadelta, adafactor, adagrad, adam, adamax, adamw",
        ),
        ({"model": "cnn"}, "no --model 'cnn': choose from mlp"),
        ({"clip": "-1"}, "--clip is a positive number, none or auto, not '-1'"),
        ({"clip": "much"}, "--clip is a positive number, none or auto"),
    ],
)
def test_options_that_make_no_sense_are_refused_before_anything_is_written(tmp_path, change, why):
    with pytest.raises(ArgumentError, match=why):
        Session.begin("noisy", Noisy, Noisy, change, tmp_path / "r")
    assert not (tmp_path / "r").exists()


def test_options_as_a_table_make_the_options_again():
    options = replace(Noisy.defaults, seed=3)
    assert Options(**options.as_dict()) == options


def test_a_run_holds_matrix_products_to_one_thread(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(Noisy, "evaluate", lambda self: seen.append(blas.get_threads()) or [])
    before = blas.get_threads()
    try:
        blas.set_threads(2)
        begin(tmp_path / "r", epochs=2).run(quiet)
        assert (set(seen), blas.get_threads()) == ({1}, 2)
    finally:
        blas.set_threads(before)
