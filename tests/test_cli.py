"""The command line: what it prints and writes, and one sentence with a non-zero exit for whatever can't be done."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from commands import refused
from microgradient import __version__
from microgradient.errors import ArgumentError
from microgradient.recipes import RECIPES, TableRecipe
from microgradient.train.recipe import check_options
from microgradient.train.run_folder import METRICS, MODEL, OPTIMIZER, RUN

PACKAGES = Path(__file__).parents[1] / "src"
COLOUR = r"\x1b\[(\d+;)*[34]\d(;\d+)*m"
QUICK = ["train", "two-layer", "--epochs", "3"]


def csv_text(rows: int = 60, last: str = "") -> str:
    lines = ["size,colour,price"]
    lines += [f"{i % 7},{('red', 'blue')[i % 2]},{3 * (i % 7) + 5 * (i % 2) + 0.5}" for i in range(rows)]
    return "\n".join(lines) + "\n" + last


def test_version_and_help(run):
    assert run("--version") == (0, f"microgradient {__version__}\n", "")
    for words in ([], ["--help"], ["-h"], ["train", "--help"], ["recipes", "--help"]):
        code, out, _ = run(*words)
        assert code == 0
        assert "Usage: microgradient" in out


def test_recipes_are_listed_with_a_line_each(run):
    code, out, _ = run("recipes")
    assert code == 0
    listed = [line for line in out.splitlines() if line.startswith("  ")]
    assert sorted(line.split()[0] for line in listed) == sorted([*RECIPES, "FILE.csv"])
    assert all(recipe.field in out.splitlines() for recipe in RECIPES.values())


def test_a_run_prints_plain_lines_and_writes_its_folder(run, tmp_path):
    code, out, error = run(*QUICK)
    assert (code, error) == (0, "")
    assert "\x1b" not in out
    assert "\r" not in out
    assert re.search(r"^epoch 3/3  loss \d\.\d{4} MSE  test accuracy \d+\.\d\d %  \d.* steps/s  0:00 left$", out, re.M)
    assert "run folder: runs/two-layer (" in out
    assert sorted(path.name for path in Path("runs/two-layer").iterdir()) == sorted([MODEL, OPTIMIZER, METRICS, RUN])
    assert len(Path("runs/two-layer", METRICS).read_text().splitlines()) == 3


def test_runs_get_folders_of_their_own_and_resume_takes_the_latest(run):
    for _ in range(3):
        assert run(*QUICK)[0] == 0
    assert sorted(path.name for path in Path("runs").iterdir()) == ["two-layer", "two-layer-2", "two-layer-3"]
    os.utime(Path("runs/two-layer-2", RUN), (2**31, 2**31))
    code, out, _ = run("train", "two-layer", "--epochs", "5", "--resume")
    assert code == 0
    assert "going on after 3 steps (3 epochs)" in out
    assert "run folder: runs/two-layer-2 (" in out


def test_run_json_repeats_the_run(run):
    assert run(*QUICK, "--seed", "7", "--lr", "0.02", "--optimizer", "SGD", "--out", "a")[0] == 0
    command = shlex.split(json.loads(Path("a", RUN).read_text())["command"])
    assert command[:3] == ["microgradient", "train", "two-layer"]
    assert run(*command[1:], "--out", "b")[0] == 0
    for name in (MODEL, OPTIMIZER, METRICS):
        assert Path("a", name).read_bytes() == Path("b", name).read_bytes()


def test_resume_from_the_command_line_is_the_unbroken_run(run):
    assert run("train", "two-layer", "--epochs", "4", "--out", "whole")[0] == 0
    assert run("train", "two-layer", "--epochs", "2", "--out", "parts")[0] == 0
    assert run("train", "two-layer", "--epochs", "4", "--out", "parts", "--resume")[0] == 0
    for name in (MODEL, OPTIMIZER, METRICS):
        assert Path("whole", name).read_bytes() == Path("parts", name).read_bytes()


@pytest.mark.parametrize("target", ["price", "colour"])
def test_a_csv_file_is_learnt_and_compared_with_a_baseline(run, target):
    Path("t.csv").write_text(csv_text())
    code, out, error = run("train", "t.csv", "--target", target, "--epochs", "60", "--batch-size", "8")
    assert (code, error) == (0, "")
    assert ("classification" if target == "colour" else "regression") in out
    assert "48 rows to learn from, 12 held out" in out
    result = out[out.index("\n\n") :]
    assert re.search(r"held-out (accuracy|RMSE) [\d.]+.*, baseline \1 [\d.]+", result)
    assert "better than the baseline, which always says the " in result
    assert len(re.findall(r"held-out (?:accuracy|RMSE)|baseline (?:accuracy|RMSE)", result)) == 2
    assert "run folder: runs/t (" in out
    details = json.loads(Path("runs/t", RUN).read_text())["details"]
    assert details["targets"][0]["name"] == target


def test_what_was_done_to_a_csv_file_is_said(run):
    rows = [f"{i},,k{i},{'' if i % 4 == 0 else i % 5},{i * 1.5}" for i in range(1, 41)]
    Path("t.csv").write_text("id,empty,key,n,y\n" + "\n".join(rows))
    _, out, _ = run("train", "t.csv", "--epochs", "1")
    for said in ("predicting the last column, 'y'", "'id' left out: it only counts", "'empty' left out: it is empty",
                 "'key' left out: 40 different texts", "'n': 10 missing, filled with the median"):  # fmt: skip
        assert said in out


@pytest.mark.slow
def test_text_learns_a_file(run):
    Path("t.txt").write_text("to be or not to be, that is the question. " * 60)
    code, out, _ = run("train", "text", "--text", "t.txt", "--epochs", "1", "--batch-size", "16")
    assert code == 0
    assert "a bigram model fitted on the same text" in out
    run_json = json.loads(Path("runs/text", RUN).read_text())
    assert run_json["options"]["text"] == os.path.abspath("t.txt")


@pytest.mark.parametrize(
    ("words", "pattern"),
    [
        (["train", "digts"], r"no recipe 'digts': did you mean digits\? \[MG189\]"),
        (["train", "Digits"], "did you mean digits"),
        (["train", "qqqq"], f"no recipe 'qqqq': choose from {', '.join(RECIPES)}, or name a CSV file"),
        (["train", "none.csv"], r"There is no file none\.csv"),
        (["train", "some/where/none"], "There is no file some/where/none"),
        (["train", "titanic.xlsx"], r"There is no file titanic\.xlsx\. \[MG180\]"),
        (["train", "Titanic.XLS"], r"There is no file Titanic\.XLS"),
        (["train", "data.parquet"], r"There is no file data\.parquet"),
        (["train", ".hidden.json"], r"There is no file \.hidden\.json"),
        (["train", "."], "is a folder, not a CSV file"),
        (["train", "/dev/zero"], "/dev/zero is a device, not a CSV file"),
        ([*QUICK, "--epochs", "-1"], "--epochs must be at least 1, not -1"),
        ([*QUICK, "--batch-size", "0"], "--batch-size must be at least 1"),
        ([*QUICK, "--lr", "nan"], "--lr must be a positive number, not nan"),
        ([*QUICK, "--lr", "-1"], "--lr must be a positive number"),
        ([*QUICK, "--seed", "-1"], "--seed must be between 0"),
        ([*QUICK, "--optimizer", "adamm"], "did you mean adam"),
        ([*QUICK, "--model", "cnn"], "two-layer has no --model 'cnn'"),
        (["train", "moons", "--optimizer", "adam"], "moons has no --optimizer 'adam': choose from sgd"),
        (["train", "text", "--text", "none.txt"], r"There is no file .*none\.txt"),
        (["train", "fashion", "--width", "0"], "--width must be at least 1, not 0"),
        (["train", "fashion", "--width", "-3"], "--width must be at least 1, not -3"),
        (["train", "depth", "--layers", "0"], "--layers must be at least 1, not 0"),
        (["train", "depth", "--layers", "-3"], "--layers must be at least 1, not -3"),
        (["train", "depth", "--width", "0"], "--width must be at least 1, not 0"),
        (["train", "forecast", "--season", "0"], "--season must be at least 1, not 0"),
        ([*QUICK, "--resume"], "no run of two-layer to resume in runs/"),
        ([*QUICK, "--resume", "--out", "none"], "no run to resume in none"),
    ],
)
def test_bad_words_get_one_sentence(run, words, pattern):
    refused(run(*words), pattern)
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("words", "pattern"),
    [
        (["trian", "digits"], "No such command 'trian'"),
        (["train"], "Missing argument 'NAME|FILE.csv'"),
        ([*QUICK, "--epochs", "many"], "'many' is not a valid integer"),
        ([*QUICK, "--lr", "fast"], "'fast' is not a valid float"),
        ([*QUICK, "--epoch", "3"], "No such option.*--epoch"),
        ([*QUICK, "--target", "y"], "No such option.*--target"),
        (["train", "--epochs", "3"], "Missing argument 'NAME|FILE.csv'"),
        ([*QUICK, "more"], "unexpected extra argument"),
        ([*QUICK, "--out", ""], "'--out': an empty name is neither a file nor a folder"),
        (["predict", "", "x"], "'RUN': an empty name"),
        (["predict", "r", "x", "--out", ""], "'--out': an empty name"),
    ],
)
def test_words_that_are_no_command_get_one_sentence(run, words, pattern):
    refused(run(*words), pattern.replace("|", r"\|"), 2)
    assert not list(Path().iterdir())


def test_every_whole_number_of_a_recipe_has_a_least_value():
    for kind in [*RECIPES.values(), TableRecipe]:
        for name, value in get_type_hints(type(kind.defaults)).items():
            if int in (value, *get_args(value)) and name != "seed":
                with pytest.raises(ArgumentError, match=f"--{name.replace('_', '-')} must be at least 1, not 0"):
                    check_options(replace(kind.defaults, **{name: 0}), kind)


@pytest.mark.parametrize(
    ("content", "words", "pattern"),
    [
        (b"", [], "is empty"),
        (b"\x89PNG\r\n\x1a\n" + bytes(50), [], "not text but a picture"),
        (b"PK\3\4" + bytes(50), [], "not text but a spreadsheet .*Save the table as CSV"),
        (b"\xd0\xcf\x11\xe0" + bytes(50), [], r"not text but a spreadsheet of the old kind \(\.xls\)"),
        (b"\x1f\x8b\x08" + bytes(50), [], "not text but compressed"),
        (b"\x7fELF" + bytes(50), [], "not text but something with control bytes"),
        (b" \n\t\n", [], "is empty"),
        (csv_text().encode(), ["--target", "prize"], "no column 'prize': did you mean 'price'"),
        (csv_text(last="1,red\n").encode(), [], "line 62: 2 values, but the header names 3 columns"),
        (csv_text(4).encode(), [], "4 rows .* too few"),
        (b"a,b\n" + b",\n" * 50, [], "0 rows with a value of 'b'"),
        (b"a,b,y\n" + b"".join(b",,%d.5\n" % i for i in range(50)), [], "leaves no column to learn from"),
        (b"n,t\n" + b"".join(b"%d,text %d\n" % (i % 9, i) for i in range(10_000)), [], "10,000 different texts"),
        (b"t,y\n" + b"".join(b"text %d,%d.5\n" % (i, i) for i in range(10_000)), [], "10,000 different texts"),
    ],
)
def test_bad_tables_get_one_sentence(run, content, words, pattern):
    Path("t.csv").write_bytes(content)
    refused(run("train", "t.csv", "--epochs", "1", *words), pattern)
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("content", "pattern"),
    [
        (b"", "is empty"),
        (b"short", "has 5 characters; at least 650"),
        (b"a\xff" * 900, "not UTF-8"),
        (b"a\0" * 900, "not text"),
    ],
)
def test_bad_texts_get_one_sentence(run, content, pattern):
    Path("t.txt").write_bytes(content)
    refused(run("train", "text", "--text", "t.txt"), pattern)


def test_a_folder_with_a_run_is_kept(run):
    assert run(*QUICK, "--out", "a")[0] == 0
    before = Path("a", MODEL).read_bytes()
    refused(run(*QUICK, "--out", "a"), "a already holds a run: continue it with --resume, or choose another .* --out")
    assert Path("a", MODEL).read_bytes() == before


def test_a_run_of_another_recipe_is_refused(run):
    assert run(*QUICK, "--out", "a")[0] == 0
    refused(run("train", "moons", "--out", "a", "--resume"), "a holds a run of two-layer, not of moons")


def test_other_options_and_other_data_are_refused_on_resume(run):
    Path("t.csv").write_text(csv_text())
    assert run("train", "t.csv", "--epochs", "1", "--out", "a")[0] == 0
    refused(run("train", "t.csv", "--out", "a", "--resume", "--lr", "0.5"), r"has --lr 0\.002, and can't .* --lr 0\.5")
    refused(run("train", "t.csv", "--out", "a", "--resume", "--target", "size"), "--target")
    Path("t.csv").write_text(csv_text(61))
    refused(
        run("train", "t.csv", "--out", "a", "--resume", "--epochs", "2"), "are not those that the run in a began with"
    )


@pytest.mark.parametrize("name", [MODEL, OPTIMIZER, RUN])
def test_damaged_files_get_one_sentence(run, name):
    assert run(*QUICK, "--out", "a")[0] == 0
    Path("a", name).write_bytes(Path("a", name).read_bytes()[:-7])
    refused(run("train", "two-layer", "--out", "a", "--resume", "--epochs", "5"), f"{name}.*MG185")


@pytest.mark.slow
def test_a_run_json_changed_anywhere_is_resumed_or_refused_in_one_sentence(run):
    assert run(*QUICK, "--out", "a")[0] == 0
    whole = {path.name: path.read_bytes() for path in Path("a").iterdir()}
    content = json.loads(whole[RUN])
    places = [(key,) for key in content]
    places += [(key, inner) for key in ("options", "position", "versions") for inner in content[key]]
    for place in places:
        for wrong in (None, "x", -1, 10**30, 1.5, [], {}):
            changed = json.loads(whole[RUN])
            target = changed if len(place) == 1 else changed[place[0]]
            target[place[-1]] = wrong
            for name, before in whole.items():
                Path("a", name).write_bytes(before)
            Path("a", RUN).write_text(json.dumps(changed))
            code, _, error = run("train", "two-layer", "--out", "a", "--resume", "--epochs", "4")
            assert code in (0, 1), (place, wrong)
            assert "A fault in Microgradient" not in error, (place, wrong, error)
            assert error.count("\n") == code


def test_a_folder_that_can_not_be_written_gets_one_sentence(run):
    Path("file").write_text("")
    refused(run(*QUICK, "--out", "file"), "Can't make the run folder file: File exists")
    refused(run(*QUICK, "--out", "file/below"), "Can't make the run folder file/below: Not a directory")
    refused(run(*QUICK, "--out", "/proc/none/here"), "Can't make the run folder /proc/none/here")


def test_a_folder_without_permission_gets_one_sentence(run, monkeypatch):
    """The system's answers are put in its mouth: the superuser, who may run this test, may write anywhere."""
    Path("locked").mkdir()
    with monkeypatch.context() as patch:
        patch.setattr("os.access", lambda *_: False)
        refused(run(*QUICK, "--out", "locked"), "The run folder locked can't be written: choose another with --out")

    def denied(*_args, **_options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.mkdir", denied)
    refused(run(*QUICK, "--out", "locked/below"), "Can't make the run folder locked/below: Permission denied")


def test_a_full_disk_gets_one_sentence_and_keeps_the_state(run, monkeypatch):
    assert run(*QUICK, "--out", "a")[0] == 0
    before = Path("a", MODEL).read_bytes()

    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    refused(run("train", "two-layer", "--out", "a", "--resume", "--epochs", "5"), "No space left on device")
    assert Path("a", MODEL).read_bytes() == before


def test_a_loss_that_is_not_a_number_gets_one_sentence(run):
    Path("t.csv").write_text(csv_text())
    refused(
        run("train", "t.csv", "--target", "price", "--lr", "1e30", "--optimizer", "sgd", "--out", "a"),
        r"The loss became (nan|inf) at step \d+: .*(first operation|parameter).*smaller --lr than 1e\+30\. \[MG170\]",
    )
    refused(
        run("train", "moons", "--lr", "1e200", "--batch-size", "4"),
        "The loss became (nan|inf) at step 2: .*smaller --lr",
    )


def test_a_missing_extra_is_named(run, monkeypatch):
    for recipe, module in (("digits", "sklearn"), ("names", "faker")):
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, module, None)
            refused(run("train", recipe), r"which is missing: pip install 'microgradient\[recipes\]'")


def test_a_fault_of_ours_gets_a_sentence_too(run, monkeypatch):
    monkeypatch.delenv("MICROGRADIENT_TRACEBACK", raising=False)

    def broken(*_):
        raise ZeroDivisionError("boom")

    monkeypatch.setattr("microgradient.train.session.Session.begin", broken)
    refused(run(*QUICK), "A fault in Microgradient: ZeroDivisionError: boom")
    monkeypatch.setenv("MICROGRADIENT_TRACEBACK", "1")
    with pytest.raises(ZeroDivisionError):
        run(*QUICK)


def start(*words: str, **options) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "microgradient", *words],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options,
    )  # fmt: skip


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_ctrl_c_saves_and_says_how_to_go_on(tmp_path, number):
    """The run stopped in the middle and gone on with by the printed command is the unbroken run, bit by bit."""
    long = ["train", "two-layer", "--epochs", "1500"]
    whole = start(*long, "--out", "whole", cwd=tmp_path)
    parts = start(*long, "--out", "parts", cwd=tmp_path)
    deadline = time.monotonic() + 60
    metrics = tmp_path / "parts" / METRICS
    while not (metrics.exists() and metrics.stat().st_size):
        assert time.monotonic() < deadline
        assert parts.poll() is None, parts.communicate()
        time.sleep(0.01)
    parts.send_signal(number)
    _, error = parts.communicate(timeout=60)
    assert parts.returncode == 130
    found = re.fullmatch(r"Stopped after ([\d,]+) steps?\. All is saved; to go on: (microgradient train .*)\n", error)
    assert found, error
    assert 0 < int(found[1].replace(",", "")) < 1500
    command = shlex.split(found[2])
    assert command == ["microgradient", "train", "two-layer", "--resume", "--out", "parts"]
    resumed = start(*command[1:], cwd=tmp_path)
    assert resumed.communicate(timeout=60)[1] == ""
    assert resumed.returncode == 0
    assert whole.communicate(timeout=60)[1] == ""
    for name in (MODEL, OPTIMIZER, METRICS):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "parts" / name).read_bytes()


def hear_ctrl_c() -> None:
    """In a new process: what a shell starts in the background is deaf to it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.parametrize("how", ["module", "script"])
def test_ctrl_c_while_numpy_loads_gets_one_line(tmp_path, how):
    (tmp_path / "numpy.py").write_text("import os, signal; os.kill(os.getpid(), signal.SIGINT); signal.pause()")
    (tmp_path / "microgradient").write_text("from microgradient.cli import main\nimport sys\nsys.exit(main())")
    words = ["-m", "microgradient"] if how == "module" else [tmp_path / "microgradient"]
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}:{PACKAGES}"}
    done = subprocess.run(
        [sys.executable, *words, "recipes"],
        capture_output=True, text=True, env=environment, timeout=60, preexec_fn=hear_ctrl_c,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "Error: Stopped.\n")


@pytest.mark.parametrize("words", [["view", "run"], ["learn", "1"], ["train", "two-layer", "--epochs", "1", "--view"]])
def test_ctrl_c_leaves_a_page_quietly(run, tmp_path, words):
    if words[0] == "view":
        assert run("train", "two-layer", "--epochs", 1, "--out", "run")[0] == 0
    page = start(*words, "--no-browser", cwd=tmp_path, preexec_fn=hear_ctrl_c)
    assert page.stdout is not None
    last = "stays until Ctrl-C" if words[0] == "train" else "http"
    while last not in page.stdout.readline():
        assert page.poll() is None, page.communicate()
    time.sleep(0.5)  # from there to the wait it is a line of code
    page.send_signal(signal.SIGINT)
    _, error = page.communicate(timeout=60)
    assert (page.returncode, error) == (0, "")


@pytest.mark.parametrize("command", ["run", "view"])
def test_a_program_that_a_command_runs_keeps_its_ctrl_c(tmp_path, command):
    lines = ["import os, signal, sys", "try:", "    os.kill(os.getpid(), signal.SIGINT)", "    signal.pause()",
             "except KeyboardInterrupt:", "    print('saved')", "    sys.exit(7)"]  # fmt: skip
    (tmp_path / "program.py").write_text("\n".join(lines))
    done = start(command, "program.py", cwd=tmp_path, preexec_fn=hear_ctrl_c)
    told, _ = done.communicate(timeout=60)
    assert (done.returncode, told) == (7, "saved\n")


def test_a_program_that_imports_the_library_keeps_its_ctrl_c(tmp_path):
    code = "import signal, microgradient; print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, preexec_fn=hear_ctrl_c)
    assert done.stdout == "True\n"


@pytest.mark.slow
def test_two_runs_begun_at_once_get_folders_of_their_own(tmp_path):
    runs = [start(*QUICK, cwd=tmp_path) for _ in range(3)]
    assert [process.communicate(timeout=60)[1] for process in runs] == [""] * 3
    names = ["two-layer", "two-layer-2", "two-layer-3"]
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == names
    for name in (MODEL, OPTIMIZER, METRICS):
        assert len({(tmp_path / "runs" / folder / name).read_bytes() for folder in names}) == 1


@pytest.mark.slow
def test_the_number_of_threads_changes_no_bit(tmp_path):
    for threads in ("1", "2"):
        with start("train", "digits", "--epochs", "1", "--out", threads, cwd=tmp_path,
                   env={**os.environ, "OMP_NUM_THREADS": threads}) as process:  # fmt: skip
            assert process.communicate(timeout=60)[1] == ""
    for name in (MODEL, METRICS):
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes()


def test_a_reader_that_goes_away_ends_the_run_quietly(tmp_path):
    with start("train", "two-layer", "--epochs", "2000", cwd=tmp_path) as process:
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 1


def terminal(tmp_path: Path, *words: str, **environment: str) -> str:
    """What a command shows on a terminal of 100 columns."""
    import pty

    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "microgradient", *words], stdout=slave, stderr=slave, stdin=slave, cwd=tmp_path,
        env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "100", "LINES": "30", **environment},
    )  # fmt: skip
    os.close(slave)
    shown = b""
    while True:
        try:
            part = os.read(master, 65536)
        except OSError:  # Linux says so when the other side is closed
            break
        if not part:
            break
        shown += part
    os.close(master)
    assert process.wait(timeout=60) == 0
    return shown.decode()


def test_a_terminal_gets_a_live_bar_and_no_color_means_none(tmp_path):
    shown = terminal(tmp_path, "train", "two-layer", "--epochs", "300", "--out", "a", NO_COLOR="")
    assert "━" in shown
    assert re.search(COLOUR, shown)
    assert re.search(r"loss \d\.\d{4} MSE  test accuracy \d+\.\d\d %  [\d,.]+ steps/s  \d:\d\d left", shown)
    plain = terminal(tmp_path, "train", "two-layer", "--epochs", "300", "--out", "b", NO_COLOR="1")
    assert "━" in plain
    assert not re.search(COLOUR, plain)
