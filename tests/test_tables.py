"""Tables learnt from CSV files: tasks, targets, weights, resuming, and use on other rows."""

import csv
import io
import json
import re
from pathlib import Path

import numpy as np
import pandas
import polars
import pytest

import microgradient as mg
from commands import refused
from microgradient.train.run_folder import BEST, MODEL, OPTIMIZER, RUN, STATE

QUICK = ["--epochs", "2", "--no-compile"]  # of so few rows: compiling takes longer than the steps


@pytest.fixture(autouse=True)
def _table(run):
    """A table of 120 rows, `t.csv`."""
    draw = np.random.default_rng(0)
    size, colour = draw.normal(size=120), draw.integers(0, 3, 120)
    price = 3 * size + 5 * (colour == 1) + 0.1 * draw.normal(size=120)
    with open("t.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["size", "colour", "grade", "tags", "price"])
        for s, c, p in zip(size, colour, price, strict=True):
            tags = ";".join(tag for tag, here in (("cheap", p < 0), ("small", s < 0), ("red", c == 0)) if here)
            writer.writerow(
                [f"{s:.4f}", ("red", "green", "blue")[c], "good" if s > 1 else "fair", tags or "none", f"{p:.4f}"]
            )


def trained(run, *words: str) -> dict:
    code, out, error = run("train", "t.csv", *QUICK, *words, "--out", "r")
    assert (code, error) == (0, ""), error
    return {"said": out, **json.loads(Path("r", RUN).read_text())}


def predictions(run, path: str) -> list[dict[str, str]]:
    code, out, error = run("predict", "r", path)
    assert code == 0, error
    return list(csv.DictReader(io.StringIO(out)))


def test_a_regression_is_better_than_its_baseline_and_usable(run):
    found = trained(run, "--target", "price", "--drop", "tags,grade")
    assert found["result"]["held-out_RMSE"] < 0.2 * found["result"]["baseline_RMSE"]
    assert re.search("columns that matter most .*size.*colour", found["said"])
    rows = predictions(run, "t.csv")
    truth = [float(row["price"]) for row in csv.DictReader(Path("t.csv").read_text().splitlines())]
    assert np.corrcoef([float(row["price"]) for row in rows], truth)[0, 1] > 0.98


def test_classes_labels_and_several_targets(run):
    found = trained(run, "--target", "grade", "--drop", "tags,price")
    assert found["result"]["held-out_accuracy"] > found["result"]["baseline_accuracy"]
    assert "found of each class: " in found["said"]
    assert {row["grade"] for row in predictions(run, "t.csv")} == {"good", "fair"}
    run("train", "t.csv", *QUICK, "--target", "tags", "--separator", ";", "--out", "labels")
    result = json.loads(Path("labels", RUN).read_text())["result"]
    assert result["held-out_micro-F1"] > result["baseline_micro-F1"]
    run("train", "t.csv", *QUICK, "--target", "price,grade", "--out", "both")
    both = mg.load("both").predict({"size": ["2.0", "-2.0"], "colour": ["green", "red"], "tags": ["none", "small"]})
    assert sorted(both) == ["grade", "price"]
    assert both["price"][0] > both["price"][1]
    assert both["grade"] == ["good", "fair"]


def test_a_task_may_be_asked_for(run):
    Path("n.csv").write_text("x,y\n" + "".join(f"{i % 17},{i % 5}\n" for i in range(100)))
    assert "classification" in run("train", "n.csv", *QUICK, "--out", "a")[1]
    assert "regression" in run("train", "n.csv", *QUICK, "--out", "b", "--task", "regression")[1]
    refused(run("train", "t.csv", *QUICK, "--target", "grade", "--task", "regression"), "'grade' is not a number")
    refused(run("train", "t.csv", *QUICK, "--task", "clasification"), "did you mean classification")


def test_rare_classes_count_the_same_on_request(run):
    draw = np.random.default_rng(1)
    lines = [f"{draw.normal() + 1.5 * (i % 12 == 0):.4f},{'rare' if i % 12 == 0 else 'usual'}" for i in range(240)]
    Path("u.csv").write_text("x,y\n" + "\n".join(lines) + "\n")

    def called_rare(*words: str) -> int:
        run("train", "u.csv", "--epochs", "5", "--out", "-".join(["u", *words]), *words)
        return (
            mg.load("-".join(["u", *words])).predict({"x": [f"{x}" for x in np.linspace(-2, 3, 50)]})["y"].count("rare")
        )

    assert "--class-weight balanced" in run("train", "u.csv", *QUICK, "--out", "hint")[1]
    assert called_rare("--class-weight", "balanced") > called_rare() + 5


def test_a_resumed_run_is_the_same_to_the_bit(run):
    run("train", "t.csv", "--epochs", "4", "--out", "whole")
    run("train", "t.csv", "--epochs", "2", "--out", "parts")
    assert run("train", "t.csv", "--epochs", "4", "--out", "parts", "--resume")[0] == 0
    for name in (MODEL, OPTIMIZER, BEST, STATE):
        assert Path("whole", name).read_bytes() == Path("parts", name).read_bytes(), name


def test_other_rows_may_be_in_another_order_with_other_columns_and_words(run):
    trained(run, "--target", "price", "--drop", "tags,grade")
    Path("a.csv").write_text("size,colour\n1.0,red\n-1.0,green\n")
    Path("b.csv").write_text("note,colour,size\nx,red,1.0\ny,green,-1.0\n")
    assert predictions(run, "a.csv") == predictions(run, "b.csv")
    Path("c.csv").write_text("size,colour\n1.0,purple\n-1.0,green\n")
    code, _, error = run("predict", "r", "c.csv")
    assert code == 0
    assert "purple" in error
    Path("d.csv").write_text("size,color\n1.0,red\n")
    refused(run("predict", "r", "d.csv"), "'colour'.* missing")
    code, out, _ = run("evaluate", "r", "t.csv")
    assert code == 0
    assert out.startswith("RMSE")
    refused(run("evaluate", "r", "a.csv"), "no column 'price'")


def test_a_rows_prediction_does_not_depend_on_those_beside_it(run):
    trained(run, "--target", "price", "--drop", "tags,grade")
    predictor = mg.load("r")
    features = np.random.default_rng(0).normal(size=(300, predictor.schema.width)).astype(np.float32)
    together = predictor.answer(features)
    alone = np.concatenate([predictor.answer(features[k : k + 1]) for k in range(300)])
    assert np.mean(together != alone) < 0.02  # a sum that lies between two float32 is rounded either way
    np.testing.assert_allclose(together, alone, rtol=2e-7)
    assert predictor.answer(features[:0]).shape == (0, 1)


def test_rows_in_memory_are_as_those_of_a_file(run):
    trained(run, "--target", "price", "--drop", "tags,grade")
    Path("a.csv").write_text("size,colour\n1.5,red\n,green\n2,\n")
    expected = [float(row["price"]) for row in predictions(run, "a.csv")]
    columns = {"size": [1.5, None, 2], "colour": ["red", "green", None]}
    for rows in (columns, pandas.DataFrame(columns), polars.DataFrame(columns, strict=False)):
        assert [float(f"{price:.9g}") for price in mg.load("r").predict(rows)["price"]] == pytest.approx(
            expected, rel=1e-8
        )


def test_predictions_are_those_that_were_scored(run):
    found = trained(run, "--target", "grade", "--drop", "tags,price")
    code, out, _ = run("evaluate", "r")
    assert code == 0
    said = float(re.search(r"held-out accuracy ([\d.]+) %", out)[1])
    assert round(100 * found["result"]["held-out_accuracy"], 2) == said


def test_a_share_of_the_rows_may_choose_the_epoch(run):
    found = trained(run, "--target", "price", "--drop", "tags,grade", "--valid", "0.25")
    assert "24 of them choose the epoch" in found["said"]  # of 96
    assert found["result"]["held-out_RMSE"] < 0.2 * found["result"]["baseline_RMSE"]
    refused(run("train", "t.csv", "--valid", "1.5"), "--valid is a share between 0 and 1, not 1.5")


def test_what_is_left_out_of_a_score_is_said(run):
    trained(run, "--target", "grade", "--drop", "tags,price")
    lines = Path("t.csv").read_text().splitlines()
    Path("new.csv").write_text(
        "\n".join([*lines[:41], *(line.replace("fair", "bad").replace("good", "bad") for line in lines[41:])])
    )
    code, _, error = run("evaluate", "r", "new.csv")
    assert (code, "80 of 120 rows are not scored: the model knows no 'bad'" in error) == (0, True)
    Path("new.csv").write_text("\n".join(line.replace("red", "violet") for line in lines))
    assert "'colour': violet not among the training rows" in run("evaluate", "r", "new.csv")[2]


def test_what_is_filled_in_and_how_the_file_was_read_is_said(run):
    trained(run, "--target", "grade", "--drop", "tags,price")
    Path("new.csv").write_bytes("size,colour\n,red\n1.5,gr\xfcn\n".encode("latin-1"))
    code, out, error = run("predict", "r", "new.csv")
    assert code == 0
    assert out.startswith("grade,grade probability\n")
    assert "1 missing, filled with the median" in error
    assert "read as Windows-1252" in error


def test_predictions_beyond_what_was_seen_are_said(run):
    trained(run, "--target", "price", "--drop", "tags,grade")
    Path("new.csv").write_text("size,colour\n1e9,red\n0.1,red\n")
    assert "'price': 1 predictions are held within" in run("predict", "r", "new.csv")[2]


@pytest.mark.parametrize(
    "words", [("--target", "price"), ("--target", "tags", "--separator", ";"), ("--target", "grade,colour")]
)
def test_classes_are_balanced_where_there_is_one_target_of_them(run, words):
    refused(run("train", "t.csv", *words, "--class-weight", "balanced"), "is for one target of classes")


def test_a_batch_has_as_many_rows_as_asked_for(run):
    assert "of 1 step," in trained(run, "--target", "price", "--batch-size", "4096")["said"]


def test_columns_that_do_not_matter_are_not_said_to(run):
    draw = np.random.default_rng(1)
    Path("t.csv").write_text(
        "a,b,y\n" + "\n".join(f"{x:.3f},{y:.3f},{z:.3f}" for x, y, z in draw.normal(size=(120, 3)))
    )
    said = re.search(r"columns that matter most \(.*?\): (.*)", trained(run, "--target", "y")["said"])[1]
    assert "-" not in said


def test_a_learning_curve_is_said_and_drawn(run):
    found = trained(run, "--target", "price", "--drop", "tags,grade", "--learning-curve")
    (line,) = [line for line in found["said"].splitlines() if line.startswith("learning curve")]
    assert [int(n) for n in re.findall(r"from (\d+)", line)] == [12, 24, 48, 96]
    *_, last = (float(value) for value in re.findall(r"([\d.]+) from", line))
    assert last == pytest.approx(found["result"]["held-out_RMSE"], rel=1e-3)
    assert Path("r/learning_curve.png").read_bytes().startswith(b"\x89PNG")
