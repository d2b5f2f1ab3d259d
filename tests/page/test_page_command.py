"""`microgradient view`: of a program and of a run, to a file, and what it says where there is nothing to show."""

from __future__ import annotations

import json

import pytest

import microgradient as mg
from microgradient.cli import main
from microgradient.errors import MicrogradientError


def stored(path):
    return json.loads(path.read_text().split('type="application/json">')[1].split("</script>")[0])


def test_a_program(tmp_path, capfd):
    (tmp_path / "program.py").write_text(
        "import sys\nimport microgradient as mg\na = mg.Value(float(sys.argv[1]), label='a')\ny = a * a\ny.backward()\n"
    )
    assert main(["view", str(tmp_path / "program.py"), "--save", str(tmp_path / "page.html"), "--", "3"]) == 0
    assert stored(tmp_path / "page.html")["why"]["0"]["gradient"] == 6.0


def test_a_program_whose_loss_is_local(tmp_path):
    lines = (
        "import microgradient as mg",
        "def step():",
        " x = mg.tensor([1.0], requires_grad=True)",
        " mg.sum(x * x).backward()",
    )
    (tmp_path / "program.py").write_text("\n".join([*lines, "step()"]))
    assert main(["view", str(tmp_path / "program.py"), "--save", str(tmp_path / "page.html")]) == 0
    assert len(stored(tmp_path / "page.html")["graph"]["nodes"]) == 3


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1 / 0\n", "ZeroDivisionError"),
        ("x = 1\n", "let it call `loss.backward()`"),
        ("def\n", "SyntaxError"),
        ("import sys\nsys.exit(3)\n", "ended itself by sys.exit(3)"),
    ],
)
def test_a_program_with_nothing_to_show(tmp_path, capfd, text, said):
    (tmp_path / "program.py").write_text(text)
    assert main(["view", str(tmp_path / "program.py"), "--save", str(tmp_path / "page.html")]) != 0
    told = capfd.readouterr().err
    assert said in told
    assert "runpy" not in told
    assert "view.py" not in told
    assert not (tmp_path / "page.html").exists()


def test_a_program_that_ends_itself_well_is_shown(tmp_path):
    lines = (
        "import sys",
        "import microgradient as mg",
        "a = mg.Value(3.0)",
        "y = a * a",
        "y.backward()",
        "sys.exit(0)",
    )
    (tmp_path / "program.py").write_text("\n".join(lines))
    assert main(["view", str(tmp_path / "program.py"), "--save", str(tmp_path / "page.html")]) == 0
    assert stored(tmp_path / "page.html")["why"]["0"]["gradient"] == 6.0


def test_a_run(tmp_path, capfd):
    assert main(["train", "two-layer", "--epochs", "2", "--out", str(tmp_path / "run")]) == 0
    assert main(["view", str(tmp_path / "run"), "--save", str(tmp_path / "page.html")]) == 0
    graph = stored(tmp_path / "page.html")["graph"]
    assert graph["nodes"][graph["root"]]["gradient"] == 1.0
    assert main(["train", "two-layer", "--epochs", "3", "--resume", "--out", str(tmp_path / "run")]) == 0


def test_a_folder_without_a_run(tmp_path, capfd):
    assert main(["view", str(tmp_path)]) == 1
    assert "There is no run" in capfd.readouterr().err


def test_a_run_of_reinforcement_learning(tmp_path, capfd):
    assert main(["train", "gridworld", "--epochs", "1", "--out", str(tmp_path / "run")]) == 0
    assert main(["view", str(tmp_path / "run"), "--save", str(tmp_path / "page.html")]) == 0
    names = [node["name"] for node in stored(tmp_path / "page.html")["graph"]["nodes"]]
    assert {"model.logits", "loss"} <= set(names)


def test_the_trace_that_is_shown_is_the_one_that_was_differentiated():
    x = mg.tensor([1.0], requires_grad=True)
    with mg.trace() as first:
        mg.sum(x * x).backward()
    with mg.trace() as second:
        loss = mg.sum(x * x)
        loss.backward()
    with pytest.raises(MicrogradientError, match="did not record"):
        mg.view(first, open_browser=False)
    mg.view(second, open_browser=False).close()


@pytest.mark.parametrize("name", ["notes.txt", "data.csv", "noextension"])
def test_what_is_neither_run_nor_program_nor_trace_is_not_run(tmp_path, run, name):
    (tmp_path / name).write_text("print('run')")
    code, out, said = run("view", name)
    assert (code, out) == (1, "")
    assert name in said
    assert "FILE.py" in said


@pytest.mark.parametrize("name", ["none.py", "none.json", "none"])
def test_a_file_that_is_not_there_is_told_by_its_name(run, name):
    code, _, said = run("view", name)
    assert (code, said) == (1, f"Error: There is no file or folder {name}. [MG180]\n")


def test_a_run_folder_may_be_called_like_a_trace(tmp_path, run):
    assert run("train", "two-layer", "--epochs", 1, "--out", "run.json")[0] == 0
    assert run("view", "run.json", "--save", "page.html")[0] == 0
