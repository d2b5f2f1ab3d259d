"""The run folder: what goes in comes out, a crash at any point leaves one moment's state, damage is named."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from microgradient.errors import ArgumentError, DataError
from microgradient.train import run_folder
from microgradient.train.lock import LOCK
from microgradient.train.run_folder import (
    METRICS,
    MODEL,
    OPTIMIZER,
    RUN,
    Position,
    Run,
    RunFolder,
    free_folder,
    latest_folder,
)


def state(step: int):
    """A model's and an optimiser's state that tell which step they are of."""
    model = {"weight": np.full((2, 3), step, np.float32), "count": np.array(step)}
    optimizer = {
        "state": {0: {"step": step, "exp_avg": np.full((2, 3), -step, np.float32)}, 1: {"momentum_buffer": None}},
        "param_groups": [{"lr": 0.1 + step, "betas": (0.9, 0.999), "params": [0, 1], "nesterov": False}],
    }
    return model, optimizer


def new_folder(path: Path) -> RunFolder:
    run = Run("digits", "digits", {"epochs": 3}, "abc", {"numpy": "2"}, "microgradient train digits", {}, Position())
    return RunFolder.create(path, run)


def save_step(folder: RunFolder, step: int) -> None:
    folder.run.position.step = step
    folder.run.position.rng = {"counter": step}
    folder.save(*state(step))


def test_what_is_saved_is_loaded(tmp_path):
    folder = new_folder(tmp_path / "a" / "b")
    folder.run.position = Position(epoch=2, batch=1, step=5, loss_sum=0.1 + 0.2, examples=7, seconds=1.5)
    save_step(folder, 5)
    again = RunFolder.open(folder.path)
    assert again.run == folder.run
    model, optimizer = again.load()
    expected_model, expected_optimizer = state(5)
    for name in expected_model:
        np.testing.assert_array_equal(model[name], expected_model[name])
    np.testing.assert_array_equal(optimizer["state"][0].pop("exp_avg"), expected_optimizer["state"][0].pop("exp_avg"))
    assert optimizer == expected_optimizer


class Killed(BaseException):
    """Stands for the end of the process: no handler of ours may catch it."""


@pytest.mark.parametrize("call", ["fsync", "replace"])
@pytest.mark.parametrize("survived", range(6))
def test_a_crash_at_any_point_leaves_the_state_of_one_step(tmp_path, monkeypatch, call, survived):
    folder = new_folder(tmp_path / "r")
    save_step(folder, 1)
    real, calls = getattr(os, call), []

    def dies(*args):
        if len(calls) == survived:
            raise Killed
        calls.append(args)
        return real(*args)

    with monkeypatch.context() as patch:
        patch.setattr(os, call, dies)
        try:
            save_step(folder, 2)
        except Killed:
            pass
    again = RunFolder.open(folder.path)
    model, optimizer = again.load()
    step = again.run.position.step
    assert step in (1, 2)
    assert again.run.position.rng == {"counter": step}
    assert model["count"] == step
    assert optimizer["state"][0]["step"] == step
    renamed = (
        survived >= 1 if call == "replace" else survived >= 4
    )  # the metrics and three files are synchronised first
    assert step == (2 if renamed else 1)
    assert not list(folder.path.glob("*.new"))


def test_a_half_written_pending_file_is_forgotten(tmp_path):
    folder = new_folder(tmp_path / "r")
    save_step(folder, 1)
    for name in (OPTIMIZER, MODEL, RUN):
        (folder.path / (name + ".new")).write_bytes(b"{half")
    again = RunFolder.open(folder.path)
    assert again.load()[0]["count"] == 1
    assert not list(folder.path.glob("*.new"))


@pytest.mark.parametrize("name", [MODEL, OPTIMIZER, RUN])
@pytest.mark.parametrize(
    "damage", [lambda b: b"", lambda b: b[:-3], lambda b: b[: len(b) // 2], lambda b: b"\xff" * 99]
)
def test_a_damaged_file_is_named(tmp_path, name, damage):
    folder = new_folder(tmp_path / "r")
    save_step(folder, 1)
    path = folder.path / name
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DataError, match=name.replace(".", r"\.")) as caught:
        RunFolder.open(folder.path).load()
    assert caught.value.code == "MG185"


@pytest.mark.parametrize(
    "change",
    [
        {"position": []},
        {"position": {"epoch": "x"}},
        {"position": {"epoch": -1}},
        {"position": {"unknown": 1}},
        {"recipe": 3},
        {"options": None},
        {"options": {"epochs": "x"}},
        {"result": {"test_accuracy": "x"}},
        {"result": {"test_accuracy": 10**400}},
        {"versions": {"numpy": 2}},
        {"sha256": {"model.safetensors": None}},
        {"position": {"norms": [1.0, "x"]}},
        {"unknown": 1},
    ],
)
def test_a_run_json_with_wrong_fields_is_damaged(tmp_path, change):
    folder = new_folder(tmp_path / "r")
    save_step(folder, 1)
    path = folder.path / RUN
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(DataError, match="damaged"):
        RunFolder.open(folder.path)


@pytest.mark.parametrize("name", [MODEL, OPTIMIZER])
def test_a_flipped_bit_is_refused_by_name(tmp_path, name):
    folder = new_folder(tmp_path / "r")
    save_step(folder, 1)
    content = bytearray((folder.path / name).read_bytes())
    content[-1] ^= 1  # in the numbers: the file is a whole one
    (folder.path / name).write_bytes(content)
    with pytest.raises(DataError, match=rf"{name} is damaged: .*SHA-256.*MG185"):
        RunFolder.open(folder.path).load()


@pytest.mark.parametrize("name", [MODEL, OPTIMIZER])
def test_files_of_another_run_are_refused(tmp_path, name):
    folders = [new_folder(tmp_path / name) for name in "ab"]
    for folder, folder.run.id in zip(folders, ["one", "two"], strict=True):
        save_step(folder, 1)
    (tmp_path / "a" / name).write_bytes((tmp_path / "b" / name).read_bytes())
    with pytest.raises(DataError, match=rf"{name} is of run two, and run\.json of run one"):
        RunFolder.open(tmp_path / "a").load()


def test_metrics_of_another_run_are_refused(tmp_path):
    folder = new_folder(tmp_path / "r")
    folder.run.id = "one"
    folder.append_metrics({"epoch": 1})
    save_step(folder, 1)
    with open(folder.path / METRICS, "a") as file:
        file.write('{"epoch": 1, "run": "two"}\n')
    with pytest.raises(DataError, match=r"metrics\.jsonl, line 2, is of run two, and run\.json of run one"):
        RunFolder.open(folder.path).trim_metrics()


def test_a_run_from_before_there_were_ids_and_checksums_goes_on(tmp_path):
    folder = new_folder(tmp_path / "r")
    folder.append_metrics({"epoch": 0})
    save_step(folder, 1)
    run = json.loads((folder.path / RUN).read_text())
    del run["id"], run["sha256"]
    (folder.path / RUN).write_text(json.dumps(run))
    again = RunFolder.open(folder.path)
    assert again.load()[0]["count"] == 1
    assert again.metrics() == [{"epoch": 0}]
    save_step(again, 2)
    assert RunFolder.open(folder.path).load()[0]["count"] == 2


def test_files_of_different_steps_are_refused(tmp_path):
    folder = new_folder(tmp_path / "r")
    save_step(folder, 1)
    old = (folder.path / MODEL).read_bytes()
    save_step(folder, 2)
    (folder.path / MODEL).write_bytes(old)
    with pytest.raises(DataError, match=r"of step 1, and run\.json of step 2"):
        RunFolder.open(folder.path).load()


def test_what_is_saved_while_a_folder_is_looked_at_is_what_is_used(tmp_path, monkeypatch):
    folder = new_folder(tmp_path / "r")
    folder.run.id = "one"
    save_step(folder, 1)
    looked = RunFolder.peek(folder.path)
    looked._held = None  # as if the other process had the lock
    save_step(folder, 2)
    assert looked.weights()["count"] == 2
    assert looked.run.position.step == 2

    old = (folder.path / RUN).read_bytes()  # between the renames of a save, which it ends while we wait
    save_step(folder, 3)
    new = (folder.path / RUN).read_bytes()
    (folder.path / RUN).write_bytes(old)
    monkeypatch.setattr(run_folder.time, "sleep", lambda _: (folder.path / RUN).write_bytes(new))
    assert looked.weights()["count"] == 3

    monkeypatch.undo()
    (folder.path / RUN).write_bytes(old)
    with pytest.raises(DataError, match=r"is of step 3, and run\.json of step 2"):
        RunFolder(
            folder.path, looked.run.__class__(**{**vars(looked.run), "position": Position(step=2)}), None
        ).weights()
    folder.run.id = "two"
    save_step(folder, 4)
    with pytest.raises(DataError, match="do not belong together"):  # another run
        RunFolder(folder.path, looked.run, None).weights()


def test_lines_of_metrics_that_are_none_are_left_out(tmp_path):
    folder = new_folder(tmp_path / "r")
    save_step(folder, 1)
    (folder.path / METRICS).write_text('{"epoch": "x"}\n{"epoch": null}\n[1]\n{"epoch": 0, "test_loss": 1}\n{}\n')
    assert folder.metrics() == [{"epoch": 0, "test_loss": 1}]


def test_event_files_have_the_order_of_the_metrics(tmp_path):
    """And not that of a set, which Python's hash seed decides."""
    folder, names = new_folder(tmp_path / "r"), [f"metric {i}" for i in range(30)]
    folder.begin_events()
    folder.append_metrics({"epoch": 1, "step": 1, **dict.fromkeys(names, 0.5), "none": None})
    folder.release()
    (file,) = folder.path.glob("events*")
    content = file.read_bytes()
    places = [content.index(name.encode() + b"\x15") for name in names]  # a tag, then a float's field
    assert places == sorted(places)
    assert b"none" not in content


def test_metrics_lose_a_cut_line_and_what_came_after_the_save(tmp_path):
    folder = new_folder(tmp_path / "r")
    for epoch in (1, 2, 3):
        folder.append_metrics({"epoch": epoch, "train_loss": 0.1 * epoch})
    with open(folder.path / METRICS, "a") as file:
        file.write('{"epoch": 4, "tra')
    folder.run.position.epoch = 2
    folder.trim_metrics()
    lines = [json.loads(line) for line in (folder.path / METRICS).read_text().splitlines()]
    assert lines == [{"epoch": 1, "train_loss": 0.1}, {"epoch": 2, "train_loss": 0.2}]


def test_a_folder_with_a_run_is_never_begun_again(tmp_path):
    folder = new_folder(tmp_path / "r")
    save_step(folder, 1)
    before = {path.name: path.read_bytes() for path in folder.path.iterdir()}
    with pytest.raises(ArgumentError, match=r"already holds a run: continue it with --resume, or .* --out"):
        new_folder(tmp_path / "r")
    assert before == {path.name: path.read_bytes() for path in folder.path.iterdir()}


def test_an_empty_folder_and_one_with_other_files_may_be_used(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    save_step(new_folder(tmp_path), 1)
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_folders_that_can_not_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ArgumentError, match="Can't make the run folder"):
        new_folder(tmp_path / "file")
    with pytest.raises(ArgumentError, match="Can't make the run folder"):
        new_folder(tmp_path / "file" / "below")


HOLD = """
import os, sys, signal
from pathlib import Path
from microgradient.train.lock import lock
held = lock(Path(sys.argv[1]))
if os.fork() == 0:
    os.close(1)
    signal.pause()  # a child that outlives the process has no part in its lock
print(os.getpid(), flush=True)
signal.pause()
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_folder_in_use_is_refused_until_its_process_is_dead(tmp_path, number):
    folder = new_folder(tmp_path / "r")
    save_step(folder, 1)
    folder.release()
    with subprocess.Popen([sys.executable, "-c", HOLD, folder.path], stdout=subprocess.PIPE, text=True,
                          start_new_session=True) as process:  # fmt: skip
        try:
            holder = process.stdout.readline().strip()
            for use in (new_folder, RunFolder.open):
                with pytest.raises(ArgumentError, match=rf"r is in use by process {holder} on .*--out\. \[MG186\]"):
                    use(folder.path)
            process.send_signal(number)
            process.wait(timeout=60)
            again = RunFolder.open(folder.path)
        finally:
            os.killpg(process.pid, signal.SIGKILL)
    assert again.load()[0]["count"] == 1
    again.release()
    assert sorted(path.name for path in folder.path.iterdir()) == sorted([MODEL, OPTIMIZER, METRICS, RUN])


def test_two_uses_in_one_process_share_the_lock(tmp_path):
    first = new_folder(tmp_path / "r")
    save_step(first, 1)
    RunFolder.open(first.path).release()
    assert (first.path / LOCK).read_text().startswith(f"{os.getpid()} on ")
    first.release()
    assert not (first.path / LOCK).exists()


@pytest.mark.parametrize("name", [MODEL, OPTIMIZER, METRICS, RUN, LOCK])
@pytest.mark.parametrize("planted", ["link", "pipe", "folder"])
def test_what_was_planted_in_the_folder_leads_no_write_elsewhere(tmp_path, name, planted):
    victim = tmp_path / "victim"
    victim.write_text("mine")
    folder = new_folder(tmp_path / "r")
    save_step(folder, 1)
    folder.release()
    place = folder.path / name
    place.unlink(missing_ok=True)
    {"link": lambda: place.symlink_to(victim), "pipe": lambda: os.mkfifo(place), "folder": place.mkdir}[planted]()
    try:
        again = RunFolder.open(folder.path)
        again.load()
        again.append_metrics({"epoch": 1})
        save_step(again, 2)
        again.trim_metrics()
    except (DataError, ArgumentError):  # refused, or replaced by a file of ours
        pass
    assert victim.read_text() == "mine"


def test_nothing_to_open(tmp_path):
    with pytest.raises(ArgumentError, match=r"no run to resume in .*: it has no run\.json"):
        RunFolder.open(tmp_path)


def test_free_and_latest_folder(tmp_path):
    assert free_folder("digits", tmp_path) == tmp_path / "digits"
    with pytest.raises(ArgumentError, match="no run of digits to resume"):
        latest_folder("digits", tmp_path)
    for count, name in enumerate(["digits", "digits-2", "digits-10", "digits-cnn"]):
        save_step(new_folder(tmp_path / name), 1)
        os.utime(tmp_path / name / RUN, (count, count))
    assert free_folder("digits", tmp_path) == tmp_path / "digits-3"
    assert latest_folder("digits", tmp_path) == tmp_path / "digits-10"
    os.utime(tmp_path / "digits" / RUN, (99, 99))
    assert latest_folder("digits", tmp_path) == tmp_path / "digits"
