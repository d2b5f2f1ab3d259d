"""What a run folder is good for afterwards: predict, evaluate, show, `mg.load`, and TensorBoard."""

import csv
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import microgradient as mg
from commands import refused
from microgradient.data.datasets import load_digits
from microgradient.errors import DataError
from microgradient.recipes import RECIPES
from microgradient.recipes.use import scores
from microgradient.train.run_folder import METRICS, MODEL, RUN, RunFolder
from microgradient.train.session import Session

QUICK = {
    "two-layer": ["--epochs", "3"],
    "moons": ["--epochs", "1"],
    "digits": ["--epochs", "1", "--batch-size", "256"],
    "names": ["--epochs", "1", "--batch-size", "2048"],
    "text": ["--epochs", "1", "--text", "t.txt"],
}
INPUTS = {"two-layer": "points.csv", "moons": "points.csv", "digits": "digits.npy", "names": "gr", "text": "To be"}
CASES = [pytest.param(name, marks=pytest.mark.slow) if name in ("moons", "names", "text") else name for name in QUICK]


@pytest.fixture(autouse=True)
def _files(run):
    Path("points.csv").write_text("x,y\n0.1,0.2\n1.5,-0.5\n")
    Path("t.txt").write_text("to be or not to be, that is the question. " * 60)
    np.save("digits.npy", (load_digits()[0][:7] * 16).astype(np.uint8))


@pytest.mark.parametrize("name", CASES)
def test_a_run_folder_predicts_and_is_scored_as_at_its_end(run, name):
    assert run("train", name, *QUICK[name], "--out", "r")[0] == 0
    folder = RunFolder.peek(Path("r"))
    code, table, _ = run("predict", "r", INPUTS[name])
    assert code == 0
    again, *_ = run("predict", "r", INPUTS[name], "--out", "p.csv")
    assert again == 0
    assert Path("p.csv").read_text() == table
    rows = list(csv.reader(io.StringIO(table)))
    assert len(rows) == 1 + {"digits": 7, "two-layer": 2, "moons": 2}.get(name, 1)
    code, said, _ = run("evaluate", "r")
    assert code == 0
    assert [line.rsplit(" ", 2)[0].replace(" ", "_") for line in said.splitlines()] == [*folder.run.result]
    code, shown, _ = run("show", "r")
    assert code == 0
    assert folder.run.command in shown
    assert "train loss" in shown


def test_predictions_are_those_that_were_scored_bit_for_bit(run):
    run("train", "digits", *QUICK["digits"], "--out", "r")
    kind = RECIPES["digits"]
    recipe = kind(kind.defaults)
    recipe.model.load_state_dict(RunFolder.peek(Path("r")).weights())
    pictures, digits = (array[recipe.test] for array in recipe.data)
    found = mg.load("r").predict(pictures)
    assert (found["probabilities"] == recipe.predictor.predict(pictures)["probabilities"]).all()
    accuracy = RunFolder.peek(Path("r")).run.result["test_accuracy"]
    assert (np.array(found["class"]).astype(int) == digits).mean() == accuracy


def test_a_model_that_has_not_been_trained_predicts_nothing(run):
    kind = RECIPES["two-layer"]
    Session.begin("two-layer", kind, kind, {"epochs": 2}, Path("r")).folder.release()  # killed before its first step
    pattern = "r holds a model that has not been trained: go on with (microgradient .* --resume --out r)\\."
    refused(run("evaluate", "r"), pattern)
    outcome = run("predict", "r", "points.csv")
    refused(outcome, pattern)
    assert run("show", "r")[0] == 0
    assert run(*re.search(pattern, outcome[2])[1].split()[1:])[0] == 0
    assert run("predict", "r", "points.csv")[0] == 0


def test_a_run_can_be_used_while_another_process_holds_its_folder(run):
    run("train", "two-layer", "--epochs", "2", "--out", "r")
    held = RunFolder.open(Path("r"))
    assert run("show", "r")[0] == 0
    assert mg.load("r").predict([[0.1, 0.2]]).shape == (1, 1)
    held.release()


def test_a_table_is_not_written_over_what_it_is_made_from(run):
    run("train", "two-layer", "--epochs", "1", "--out", "r")
    Path("link.csv").symlink_to("points.csv")
    for name, pattern in (("points.csv", "--out points.csv would overwrite points.csv, an input"),
                          ("link.csv", "--out link.csv would overwrite points.csv, an input"),
                          (f"r/{MODEL}", f"would overwrite r/{MODEL}, a file of the run"),
                          (f"r/{RUN}", f"would overwrite r/{RUN}, a file of the run")):  # fmt: skip
        before = Path(name).read_bytes()
        refused(run("predict", "r", "points.csv", "--out", name), pattern)
        assert Path(name).read_bytes() == before
    for _ in range(2):  # an earlier table may be overwritten, and an input may be longer than a file's name
        assert run("predict", "r", "points.csv", "--out", "r/table.csv")[0] == 0
    refused(run("predict", "r", "x" * 300, "--out", "r/table.csv"), "name too long")


@pytest.mark.filterwarnings("default")
def test_pictures_of_other_sizes_polarity_and_kinds(run, tmp_path):
    run("train", "digits", *QUICK["digits"], "--out", "r")
    eight = load_digits()[0][3]
    grey = np.kron(1 - eight, np.ones((5, 5)))
    Path("some").mkdir()
    Image.fromarray((grey * 255).round().astype(np.uint8)).save("some/a.png")
    Image.fromarray((eight * 255).round().astype(np.uint8)).save("some/b.png")
    code, table, error = run("predict", "r", "some")
    assert code == 0
    assert "negative" in error
    rows = [line.split(",") for line in table.splitlines()]
    assert rows[1][1] == rows[2][1]
    assert [row[0] for row in rows[1:]] == ["some/a.png", "some/b.png"]
    assert [line.split(",")[0] for line in run("predict", "r", "digits.npy")[1].splitlines()[1:]] == [
        f"digits.npy[{k}]" for k in range(7)
    ]
    refused(run("predict", "r", "none.png"), "There is no file none.png")
    refused(run("predict", "r", "points.csv"), "not a picture that Pillow knows")
    np.save("bad.npy", np.zeros((2, 2, 2, 2)))
    refused(run("predict", "r", "bad.npy"), "shape \\(2, 2, 2, 2\\)")
    np.save("nan.npy", np.full((8, 8), np.nan))
    refused(run("predict", "r", "nan.npy"), "finite")


@pytest.mark.filterwarnings("default")
def test_scores_on_other_data(run):
    run("train", "digits", *QUICK["digits"], "--out", "r")
    pictures, digits = load_digits()
    np.savez("more.npz", x=pictures[:100], y=digits[:100])
    code, said, _ = run("evaluate", "r", "more.npz")
    assert code == 0
    right = float((np.array(mg.load("r").predict(pictures[:100])["class"]).astype(int) == digits[:100]).mean())
    assert said.startswith(f"test accuracy {100 * right:.2f} %")
    refused(run("evaluate", "r", "points.csv"), "neither an .npz file nor a folder")
    np.savez("bad.npz", x=pictures[:3], y=digits[:4])
    refused(run("evaluate", "r", "bad.npz"), "a whole number for each of 3 pictures")
    np.savez("bad.npz", x=pictures[:3], y=np.array([0, 10, 1]))
    refused(run("evaluate", "r", "bad.npz"), "a picture of class 10; the classes are 0 to 9")
    np.savez("dark.npz", x=1 - pictures[:100], y=digits[:100])
    code, dark, warning = run("evaluate", "r", "dark.npz")
    assert (code, dark.splitlines()[0]) == (0, said.splitlines()[0])
    assert "negative" in warning
    run("train", "two-layer", "--epochs", "1", "--out", "t")
    refused(run("evaluate", "t", "points.csv"), "no way to be scored on other data")


@pytest.mark.parametrize(
    ("words", "pattern"),
    [
        (["predict", "none", "x"], "There is no run in none"),
        (["evaluate", "none"], "There is no run in none"),
        (["show", "."], "There is no run in \\."),
        (["predict", "r", "none.csv"], "There is no file none.csv"),
        (["predict", "r", "letters.csv"], "row 1, column 'x': 'a' is not a number"),
        (["predict", "r", "wide.csv"], "has 3 columns; a point is 2 numbers"),
    ],
)
def test_bad_words_get_one_sentence(run, words, pattern):
    run("train", "two-layer", "--epochs", "1", "--out", "r")
    Path("letters.csv").write_text("x,y\na,1\nb,2\n")
    Path("wide.csv").write_text("x,y,z\n1,2,3\n")
    refused(run(*words), pattern)


@pytest.mark.parametrize("faults", [
    (MemoryError("a lot"), "MemoryError"), (ZeroDivisionError("0"), "ZeroDivisionError"), (IndexError("0"), "IndexError"),
    (AttributeError("x"), "AttributeError"), (RecursionError("deep"), "RecursionError"), (OverflowError("big"), "OverflowError"),
])  # fmt: skip
def test_whatever_details_come_to_is_one_sentence(run, monkeypatch, faults):
    run("train", "two-layer", "--epochs", "1", "--out", "r")
    error, name = faults

    def made(details):
        raise error

    monkeypatch.setattr(RECIPES["two-layer"], "predictor_class", made)
    refused(run("predict", "r", "points.csv"), f"details .* don't make a model of two-layer .{name}")


def test_an_input_that_looks_like_an_option_gets_a_hint(run):
    code, _, error = run("predict", "r", "-5")
    assert (code, "Write -- before inputs that begin with a hyphen" in error) == (2, True)


POLICY = {"environment": "CartPole-v1", "algorithm": "ppo", "networks": {"hidden": [64, 64]},
          "spaces": {"features": 4, "actions": 2, "discrete": True}}  # fmt: skip


@pytest.mark.parametrize(("change", "why"), [
    ({"networks": {"hidden": [10**14]}}, "MemoryError|ValueError"),
    ({"networks": {"hidden": [2000, 2000]}}, "numbers were saved"),
    ({"networks": []}, "TypeError"), ({"algorithm": "none"}, "KeyError"), ({"spaces": {}}, "TypeError"),
])  # fmt: skip
def test_foreign_details_of_a_policy(run, change, why):
    run("train", "two-layer", "--epochs", "1", "--out", "r")
    changed = {**json.loads(Path("r", RUN).read_text()), "recipe": "cartpole", "details": {**POLICY, **change}}
    Path("r", RUN).write_text(json.dumps(changed))
    refused(run("predict", "r", "points.csv"), f"details .* don't make a model of cartpole .*({why})")


def test_a_foreign_folder_is_shown_and_not_obeyed(run):
    run("train", "two-layer", "--epochs", "2", "--out", "r")
    found = json.loads(Path("r", RUN).read_text())
    found["command"] = "x\x1b[2J\nresult     test accuracy 1\u202e"
    found["result"]["\r\x07"] = 0.5
    Path("r", RUN).write_text(json.dumps(found))
    lines = Path("r", METRICS).read_text().splitlines()
    odd = [{"epoch": 1, "train_loss": x, "\x1b]0;": x} for x in (float("nan"), 1e308, -1e308, 10**400, "x", True)]
    Path("r", METRICS).write_text("\n".join([*lines, *map(json.dumps, odd)]))
    code, shown, _ = run("show", "r")
    assert code == 0
    assert all(c.isprintable() for c in shown.replace("\n", ""))
    assert "command    x\\x1b[2J\\nresult     test accuracy 1\\u202e\n" in shown
    found["recipe"] = "two\x1b[2J"
    Path("r", RUN).write_text(json.dumps(found))
    for words in (("show", "r"), ("predict", "r", "points.csv"), ("evaluate", "r")):
        assert "\x1b" not in "".join(run(*words)[1:])


def test_options_that_make_no_sense_are_refused_by_evaluate(run):
    run("train", "two-layer", "--epochs", "1", "--out", "r")
    found = json.loads(Path("r", RUN).read_text())
    found["options"]["model"] = "none"
    Path("r", RUN).write_text(json.dumps(found))
    refused(run("evaluate", "r"), "two-layer has no --model 'none'")


def test_using_a_run_draws_no_random_numbers_of_ours(run):
    run("train", "digits", *QUICK["digits"], "--out", "r")
    mg.manual_seed(3)
    mg.random.uniform((5,))
    before = mg.random.get_state()
    mg.load("r")
    scores("r")
    assert mg.random.get_state() == before


def test_a_prediction_that_fails_leaves_the_mode_as_it_was(run):
    run("train", "digits", *QUICK["digits"], "--out", "r")
    predictor = mg.load("r")

    def fail():
        with predictor.inference():
            assert not predictor.model.training
            raise ZeroDivisionError

    for training in (True, False):
        predictor.model.train(training)
        with pytest.raises(ZeroDivisionError):
            fail()
        assert predictor.model.training is training


def test_a_damaged_folder_is_refused_in_one_sentence(run):
    run("train", "digits", *QUICK["digits"], "--out", "r")
    text = Path("r", RUN).read_text()
    Path("r", RUN).write_text(text.replace('"classes"', '"clases"'))
    refused(run("predict", "r", "digits.npy"), "details .* don't make a model of digits")
    Path("r", RUN).write_text(text.replace('"recipe": "digits"', '"recipe": "dogs"'))
    assert "dogs: a recipe that isn't here" in run("show", "r")[1]
    refused(run("predict", "r", "digits.npy"), "holds a run of 'dogs', a recipe that isn't here")
    Path("r", RUN).write_text(text)
    content = bytearray(Path("r", MODEL).read_bytes())
    content[-1] ^= 1
    Path("r", MODEL).write_bytes(content)
    refused(run("predict", "r", "digits.npy"), "is damaged")
    with pytest.raises(DataError, match="MG185"):
        mg.load("r")
