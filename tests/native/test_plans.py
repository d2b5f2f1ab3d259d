"""Plans kept on disk: what is read is the plan that was written, and whatever is not sound or another program's is not used."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import microgradient as mg
from microgradient import nn, optim
from microgradient.native.codegen.pointwise import supported
from microgradient.native.plan import stored
from microgradient.native.plan.schedule import schedule
from microgradient.native.runtime import cache, engine, plans
from microgradient.program.program import Alias, Instruction, Program


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of this test's own, with the plans of small programs too."""
    monkeypatch.setenv("MICROGRADIENT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(plans, "LEAST", 1)
    return tmp_path / "cache"


class Attention(nn.Module):
    """With a mask that is a constant of the program."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.attention = nn.LayerNorm(8), nn.MultiheadAttention(8, 2, batch_first=True)
        self.head = nn.Linear(8, 3)

    def forward(self, x: Any) -> Any:
        """Logits of each place."""
        h, future = self.norm(x), mg.tensor(np.triu(np.ones((x.shape[1],) * 2, bool), 1))
        return self.head(x + self.attention(h, h, h, attn_mask=future, need_weights=False)[0]).reshape(-1, 3)


NETWORKS: dict[str, Any] = {
    "dense": (lambda: nn.Sequential(nn.Linear(5, 16), nn.ReLU(), nn.Linear(16, 3)), (7, 5)),
    "dropout": (lambda: nn.Sequential(nn.Linear(5, 16), nn.Dropout(0.3), nn.GELU(), nn.Dropout(0.5), nn.Linear(16, 3)), (7, 5)),
    "convolution": (
        lambda: nn.Sequential(
            nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 3)
        ),
        (4, 2, 6, 6),
    ),
    "attention": (Attention, (2, 5, 8)),
}  # fmt: skip


def trained(kind: str, steps: int = 3) -> tuple[Any, list[Any]]:
    """A compiled step, and the bits of all that it computed: losses, parameters and buffers."""
    make, shape = NETWORKS[kind]
    mg.manual_seed(0)
    network = make()
    optimizer = optim.AdamW(network.parameters(), lr=0.01)

    @mg.compile
    def step(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(network(x), y)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        return loss

    x = mg.randn(*shape)
    y = mg.tensor(np.arange(len(network(x))) % 3)
    losses = [step(x, y).numpy().tobytes() for _ in range(steps)]
    return step, [*losses, *(v.numpy().tobytes() for v in network.state_dict().values())]


def described(plan: Any) -> Any:
    """All of a plan that running, listing and timing it depend on."""
    launches = [
        (
            repr(launch.spec), launch.entries, launch.group.origins, launch.bytes_moved, launch.flops,
            [(b.dtype, b.size, b.slot, b.offset, b.kept, entry) for b, entry in launch.operands],
        )
        for launch in plan.launches
    ]  # fmt: skip
    constants = [(slot, array.dtype, array.tobytes()) for slot, array in plan.constants]
    draws = plan.draws
    return launches, constants, plan.arena_bytes, plan.slots, draws.blocks, draws.generator, draws.state.tobytes()


def files(folder: Path) -> list[Path]:
    """Those with a plan."""
    return [path for path in sorted(folder.iterdir()) if b'{"kernels":' in path.read_bytes()]


@pytest.mark.parametrize("kind", NETWORKS)
def test_what_is_read_is_what_was_planned(kind: str) -> None:
    program = trained(kind)[0].program
    plan = schedule(program, supported)
    text = stored.written(plan, program)
    assert text is not None
    again = stored.read(text, program)
    assert described(again) == described(plan)
    assert stored.written(again, program) == text


@pytest.mark.parametrize("kind", NETWORKS)
def test_a_second_process_computes_the_same_bits(kind: str, folder: Path) -> None:
    first, bits = trained(kind)
    assert not first.stats()["plan_from_disk"]
    assert len(files(folder)) == 1
    again, same = trained(kind)
    assert again.stats()["plan_from_disk"]
    assert same == bits
    assert again.kernels == first.kernels
    changing = ("compile_seconds", "cache_hit", "plan_from_disk")
    ours, theirs = ({k: v for k, v in step.stats().items() if k not in changing} for step in (first, again))
    assert ours == theirs


def test_a_profile_names_the_same_lines() -> None:
    make, shape = NETWORKS["convolution"]
    found = []
    for _ in range(2):
        mg.manual_seed(0)
        network, x = make(), mg.randn(*shape)

        @mg.compile
        def loss(x: Any, network: Any = network) -> Any:
            network.zero_grad()
            value = mg.mean(network(x) ** 2)
            value.backward()
            return value

        rows = sorted(loss.profile(x).rows)
        found.append([(row.launch, row.title, row.flops, row.bytes_moved, row.lines, row.modules) for row in rows])
    assert loss.stats()["plan_from_disk"]
    assert found[0] == found[1]
    assert any("0" in row[-1] for row in found[1])


def test_without_a_cache_nothing_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MICROGRADIENT_CACHE", "off")
    bits = trained("dense")[1]
    step, same = trained("dense")
    assert not step.stats()["plan_from_disk"]
    assert same == bits


def test_small_programs_are_planned_anew(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    size = trained("dense")[0].stats()["instructions"]
    (path,) = files(folder)
    path.unlink()
    monkeypatch.setattr(plans, "LEAST", size + 1)
    trained("dense")
    assert not files(folder)


# ------------------------------------------------------------------------------------------------------------- damage


def test_a_damaged_file_is_written_again(folder: Path) -> None:
    bits = trained("dense")[1]
    (path,) = files(folder)
    sound = path.read_bytes()
    flipped = [bytearray(sound) for _ in range(12)]
    for content, place in zip(flipped, np.linspace(0, len(sound) - 1, 12).astype(int), strict=True):
        content[place] ^= 4
    cut = [sound[:length] for length in np.linspace(0, len(sound) - 1, 12).astype(int)]
    for content in (*map(bytes, flipped), *cut, sound + b" ", b"{}", sound[::-1], bytes(len(sound))):
        path.write_bytes(content)
        step, same = trained("dense")
        assert not step.stats()["plan_from_disk"]
        assert same == bits
        assert path.read_bytes() == sound
    step, same = trained("dense")
    assert step.stats()["plan_from_disk"]
    assert same == bits


def test_the_plan_of_another_program_or_version_is_not_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trained("convolution")
    (theirs,) = files(folder)
    content = theirs.read_bytes()
    bits = trained("dense")[1]
    (ours,) = [path for path in files(folder) if path != theirs]
    ours.write_bytes(content)
    step, same = trained("dense")
    assert not step.stats()["plan_from_disk"]
    assert same == bits
    monkeypatch.setattr(cache, "_sources", lambda: ("another version",))
    assert not trained("dense")[0].stats()["plan_from_disk"]
    monkeypatch.setattr(plans, "REGISTERED", ["another lowering"])
    assert not trained("dense")[0].stats()["plan_from_disk"]


def _changed(change: Any) -> Any:
    def apply(text: bytes) -> bytes:
        content = json.loads(text)
        change(content)
        return json.dumps(content).encode()

    return apply


UNSOUND = {
    "nothing": lambda text: b"",
    "half": lambda text: text[: len(text) // 2],
    "no text": lambda text: b"\xff\xfe\x00",
    "a list": lambda text: b"[]",
    "deep": lambda text: b"[" * 100_000,
    **{
        f"without {key}": _changed(lambda c, key=key: c.pop(key))
        for key in ("kernels", "buffers", "launches", "constants", "arena", "slots")
    },
    "beyond the arena": _changed(lambda c: c.update(arena=0)),
    "before the arena": _changed(lambda c: [b.__setitem__(3, -64) for b in c["buffers"] if b[2] is None]),
    "a slot too far": _changed(lambda c: [b.__setitem__(2, 10_000) for b in c["buffers"]]),
    "a slot before the first": _changed(lambda c: [b.__setitem__(2, -1) for b in c["buffers"]]),
    "an entry too far": _changed(lambda c: c["launches"][0][2].__setitem__(1, 10**9)),
    "no such kernel": _changed(lambda c: c["launches"][0].__setitem__(0, 10_000)),
    "no such buffer": _changed(lambda c: c["launches"][0][2].__setitem__(0, 10_000)),
    "no such instruction": _changed(lambda c: c["launches"][0].__setitem__(3, [10_000])),
    "a constant that is none": _changed(lambda c: c["constants"].append([c["slots"], 0])),
    "a constant elsewhere": _changed(lambda c: c["constants"].insert(0, [0, 0])),
    "other slots": _changed(lambda c: c.update(slots=c["slots"] + 1)),
    "another kind of kernel": _changed(lambda c: c["kernels"].__setitem__(0, {"eval": ["1"]})),
    "a kernel of other parts": _changed(lambda c: c["kernels"].__setitem__(0, {"RowKernel": []})),
    "no dtype": _changed(lambda c: c["buffers"][0].__setitem__(0, "object of mine")),
}


@functools.cache
def _kept() -> tuple[Program, bytes]:
    """A program, and the text of its plan."""
    program = trained("attention", steps=1)[0].program
    text = stored.written(schedule(program, supported), program)
    assert text is not None
    return program, text


@pytest.mark.parametrize("how", UNSOUND)
def test_an_unsound_text_is_not_read(how: str) -> None:
    program, text = _kept()
    assert stored.read(text, program) is not None
    assert stored.read(UNSOUND[how](text), program) is None


# ------------------------------------------------------------------------------------------------------ the identity


def _program(**changes: Any) -> Program:
    """A small program, of which one thing is another."""
    given: dict[str, Any] = {
        "op": "multiply", "number": 2.0, "shape": (4, 3), "dtype": np.dtype("f4"), "axes": (1, 0), "weak": False,
        "value": np.arange(12, dtype="f4").reshape(4, 3), "outputs": (0, 1), "aliases": (), "operands": (0, 1),
    }  # fmt: skip
    given.update(changes)
    x, y = (Instruction("input", (), {}, given["shape"], given["dtype"], given["weak"]) for _ in range(2))
    inputs = [(x, y)[k] for k in given["operands"]]
    made = Instruction(given["op"], (inputs[0], given["number"]), {}, given["shape"], given["dtype"])
    constant = Instruction("constant", (), {"value": given["value"]}, given["shape"], given["value"].dtype)
    total = Instruction("add", (made, constant), {}, given["shape"], given["dtype"])
    view = Instruction("permute_dims", (inputs[1],), {"axes": given["axes"]}, given["shape"][::-1], given["dtype"])
    outputs = [(total, view)[k] for k in given["outputs"]]
    return Program([x, y], [made, constant, total, view], outputs, given["aliases"])


CHANGES: dict[str, Any] = {
    "op": "divide", "number": 2, "shape": (2, 6), "dtype": np.dtype("f8"), "axes": (0, 1), "weak": True,
    "value": np.arange(1, 13, dtype="f4").reshape(4, 3), "outputs": (1, 0), "aliases": (Alias(0, 0),), "operands": (1, 0),
}  # fmt: skip


@pytest.mark.parametrize("what", CHANGES)
def test_another_program_has_another_identity(what: str) -> None:
    one, same, other = _program(), _program(), _program(**{what: CHANGES[what]})
    assert stored.identity(one) == stored.identity(same) is not None
    assert stored.identity(other) not in (None, stored.identity(one))


@pytest.mark.parametrize(
    ("value", "other"),
    [
        (np.zeros((4, 3), "f4"), np.broadcast_to(np.float32(0), (4, 3))),  # the latter is one number for kernels
        (np.broadcast_to(np.float32(0), (4, 3)), np.broadcast_to(np.float32(-0.0), (4, 3))),
        (np.zeros((4, 3), "i4"), np.zeros((4, 3), "f4")),
        (np.arange(12.0).reshape(4, 3), np.arange(12.0).reshape(3, 4).T),
    ],
)  # fmt: skip
def test_constants_are_told_apart(value: Any, other: Any) -> None:
    assert stored.identity(_program(value=value)) != stored.identity(_program(value=other))


def test_zeros_of_two_signs_are_two_numbers() -> None:
    assert stored.identity(_program(number=0.0)) != stored.identity(_program(number=-0.0))


def test_what_has_no_exact_text_has_no_identity() -> None:
    assert stored.identity(_program(number=float("nan"))) is None
    assert stored.identity(_program(axes=np.arange(2000))) is None
    assert stored.identity(_program(axes=object())) is None
    named = Instruction("isnan", (x := Instruction("input", (), {}, (2,), np.dtype("f4")),), {}, (2,), np.dtype("?"))
    assert stored.identity(Program([x], [named], [named])) is not None


def test_loops_and_calls_of_numpy_are_planned_anew(folder: Path) -> None:
    x = mg.tensor([3.0, 1.0, 2.0])
    for function in (
        lambda x: mg.sort(x) * 2.0,
        lambda x: mg.scan(lambda c, a: (c * a, None), 1.0, x)[0],
        lambda x: mg.linalg.svd(mg.outer(x, x))[1],
    ):
        for _ in range(2):
            step = mg.compile(function)
            np.testing.assert_allclose(step(x).numpy(), function(x).numpy(), rtol=1e-5, atol=1e-5)
            assert not step.stats()["plan_from_disk"]
    assert not files(folder)
    assert engine.available()
