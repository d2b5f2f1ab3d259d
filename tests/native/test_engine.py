"""Machine code: for this processor and narrower ones, with functions of libm, and kept on disk safely."""

from __future__ import annotations

import ctypes
import gc
import os
import subprocess
import sys
import threading

import numpy as np
import psutil
import pytest
from native_kernels import add_index, vector_add

from microgradient.errors import ArgumentError
from microgradient.native.runtime import cache, engine


@pytest.fixture(autouse=True)
def _own_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("MICROGRADIENT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(engine, "_loaded", {})  # nothing is in memory yet


def call(code, name, *arrays, pieces):
    args = (ctypes.c_void_p * len(arrays))(*(a.ctypes.data for a in arrays))
    function = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)(code.address(name))
    function(ctypes.addressof(args), 0, pieces)


def text_of(result, body, *declarations):
    return lambda: "\n".join([*declarations, f"define {result} @f({body}"])


def test_this_machine():
    assert engine.available()
    host = engine.host()
    assert host.vector_bits in (128, 256, 512)
    assert host.cpu


@pytest.mark.parametrize("target", ["native", "sse", "avx2", "avx512"])
def test_targets_compute_the_same(target):
    if target not in engine.targets():
        with pytest.raises(ArgumentError, match="MG208"), engine.forced(target):
            engine.host()
        return
    with engine.forced(target):
        bits = engine.host().vector_bits
        code = engine.machine_code({"vector_add": lambda: vector_add(bits=bits)}, "a")
        assert bits == engine.TARGETS.get(target, ("", bits))[1]
    x, y = np.random.default_rng(0).random((2, 5 * bits // 32), np.float32)
    out = np.zeros_like(x)
    call(code, "vector_add", x, y, out, pieces=5)
    assert (out == x + y).all()


def test_narrow_code_uses_no_wide_registers():
    if "sse" not in engine.targets():
        return
    with engine.forced("sse"):
        text = engine.assembly(vector_add(bits=512))
    assert "xmm" in text
    assert "ymm" not in text
    assert "zmm" not in text


def test_target_from_the_environment(monkeypatch):
    if "sse" in engine.targets():
        monkeypatch.setenv("MICROGRADIENT_TARGET", "sse")
        assert engine.host().vector_bits == 128
    monkeypatch.setenv("MICROGRADIENT_TARGET", "z80")
    with pytest.raises(ArgumentError, match="'z80' can't run here"):
        engine.host()


@pytest.mark.parametrize("name", ["expf", "tanhf", "lgammaf", "erff"])
def test_functions_of_libm(name):
    text = text_of(
        "float", f"float %x) {{\n %y = call float @{name}(float %x)\n ret float %y\n}}", f"declare float @{name}(float)"
    )
    code = engine.code_of_text(text, name)
    import math

    f = ctypes.CFUNCTYPE(ctypes.c_float, ctypes.c_float)(code.address("f"))
    assert f(1.25) == pytest.approx(getattr(math, name[:-1])(1.25), rel=1e-6)


@pytest.mark.parametrize("target", ["native", "sse"])
def test_float16_on_any_processor(target):
    if target not in engine.targets():
        return
    body = "ptr %p) {\n %h = load half, ptr %p\n %x = fpext half %h to float\n %y = fmul float %x, 3.0\n"
    body += " %r = fptrunc float %y to half\n store half %r, ptr %p\n ret void\n}"
    with engine.forced(target):
        code = engine.code_of_text(text_of("void", body), "half")
    x = np.array(1.5, np.float16)
    ctypes.CFUNCTYPE(None, ctypes.c_void_p)(code.address("f"))(x.ctypes.data)
    assert x == 4.5


def test_no_contraction_and_no_fast_mathematics():
    """x·y + z is rounded twice, as NumPy rounds it."""
    body = "double %x, double %y, double %z) {\n %p = fmul double %x, %y\n %s = fadd double %p, %z\n ret double %s\n}"
    code = engine.code_of_text(text_of("double", body), "mul add")
    f = ctypes.CFUNCTYPE(*[ctypes.c_double] * 4)(code.address("f"))
    x = 1 + 2.0**-30
    assert f(x, x, -(1 + 2.0**-29)) == x * x - (1 + 2.0**-29) == 0


def test_a_missing_function_is_an_error_and_not_the_end():
    body = "float %x) {\n %y = call float @no_such_function(float %x)\n ret float %y\n}"
    with pytest.raises(RuntimeError):
        engine.code_of_text(text_of("float", body, "declare float @no_such_function(float)"), "missing")


def make(key="k"):
    return engine.machine_code({"add_index": add_index}, key)


def works(code):
    x, out = np.arange(20), np.zeros(20, np.int64)
    call(code, "add_index", x, out, pieces=2)
    return (out == 2 * x).all()


def stored(tmp_path):
    return sorted((tmp_path / "cache").iterdir())


def test_second_time_from_disk_and_code_in_memory_is_shared(monkeypatch, tmp_path):
    first = make()
    assert not first.from_disk
    assert make() is first
    monkeypatch.setattr(engine, "_loaded", {})
    monkeypatch.setattr(engine, "compile_text", None)
    again = make()
    assert again.from_disk
    assert works(first)
    assert works(again)
    assert len(stored(tmp_path)) == 1


def test_another_key_processor_or_source_is_another_file(monkeypatch, tmp_path):
    make()
    make("other")
    assert len(stored(tmp_path)) == 2
    for target in engine.targets():
        with engine.forced(target):
            make()
    assert len(stored(tmp_path)) == 1 + len(engine.targets())
    monkeypatch.setattr(cache, "_sources", lambda: ("later",))
    assert not make().from_disk


@pytest.mark.parametrize(
    "damage",
    [
        lambda b: b[:-1],
        lambda b: b[:40],
        lambda b: b"",
        lambda b: b"x" + b[1:],
        lambda b: b[:300] + bytes([b[300] ^ 1]) + b[301:],
        lambda b: b + b"more",
        lambda b: b"\x7fELF" * 500,
    ],
)
def test_damaged_files_are_ignored_and_rewritten(monkeypatch, tmp_path, damage):
    make()
    (file,) = stored(tmp_path)
    whole = file.read_bytes()
    file.write_bytes(damage(whole))
    monkeypatch.setattr(engine, "_loaded", {})
    code = make()
    assert not code.from_disk
    assert works(code)
    assert file.read_bytes() == whole


def test_a_sound_file_under_a_wrong_name_is_foreign(monkeypatch, tmp_path):
    make("a")
    (a,) = stored(tmp_path)
    make("b")
    (b,) = (f for f in stored(tmp_path) if f != a)
    b.write_bytes(a.read_bytes())
    monkeypatch.setattr(engine, "_loaded", {})
    assert not make("b").from_disk


def test_sound_but_not_object_code(monkeypatch, tmp_path):
    make()
    (file,) = stored(tmp_path)
    cache.store(file.stem, b"not object code")
    monkeypatch.setattr(engine, "_loaded", {})
    code = make()
    assert not code.from_disk
    assert works(code)


def test_what_others_may_write_is_not_executed(monkeypatch, tmp_path):
    make()
    (file,) = stored(tmp_path)
    assert (tmp_path / "cache").stat().st_mode & 0o777 == 0o700
    file.chmod(0o666)
    assert cache.load(file.stem) is None
    file.chmod(0o600)
    assert cache.load(file.stem) is not None
    (tmp_path / "cache").chmod(0o777)
    assert cache.folder() is None
    assert cache.load(file.stem) is None
    (tmp_path / "cache").chmod(0o700)
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    assert cache.folder() is None


def test_a_folder_that_can_only_be_read(monkeypatch):
    cache.store("0" * 64, b"code")

    def refuse(path):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(cache.os, "utime", refuse)
    assert cache.load("0" * 64) == b"code"


@pytest.mark.parametrize("where", ["off", "/dev/null/cache", "/proc/no/such"])
def test_without_a_folder_everything_works(monkeypatch, where):
    monkeypatch.setenv("MICROGRADIENT_CACHE", where)
    assert cache.folder() is None
    assert works(make())


def test_the_usual_folder(monkeypatch, tmp_path):
    monkeypatch.delenv("MICROGRADIENT_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache.folder() == tmp_path / "xdg" / "microgradient"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cache.folder() == tmp_path / "home" / ".cache" / "microgradient"


def test_the_folder_is_bounded_and_the_oldest_go_first(monkeypatch, tmp_path):
    monkeypatch.setattr(cache, "LIMIT", 10_000)
    names = [f"{k:064x}" for k in range(12)]
    for age, name in enumerate(names):
        cache.store(name, bytes(1000))
        path = tmp_path / "cache" / (name + cache.SUFFIX)
        if path.exists():
            os.utime(path, (1000 + age, 1000 + age))
        if age == 5:
            assert cache.load(names[0]) == bytes(1000)  # used: now the youngest
    left = {path.stem for path in stored(tmp_path)}
    assert names[0] in left
    assert names[1] not in left
    assert names[-1] in left
    assert sum(path.stat().st_size for path in stored(tmp_path)) <= 10_000


def test_leavings_of_a_broken_process_are_swept_away(tmp_path):
    (tmp_path / "cache").mkdir(mode=0o700)
    old, new = (tmp_path / "cache" / f"new-{age}{cache.SUFFIX}" for age in ("old", "new"))
    old.write_bytes(b"")
    new.write_bytes(b"")
    os.utime(old, (1000, 1000))
    cache.store("1" * 64, b"")  # the first of this process in this folder, which looks at all files
    assert not old.exists()
    assert new.exists()


@pytest.mark.parametrize("planted", ["pipe", "folder", "link", "loop", "device"])
def test_what_lies_in_the_place_of_a_file_is_not_read_or_written_through(monkeypatch, tmp_path, planted):
    make()
    (file,) = stored(tmp_path)
    content = file.read_bytes()
    target = tmp_path / "target"
    file.rename(target)
    {"pipe": lambda: os.mkfifo(file), "folder": file.mkdir, "link": lambda: file.symlink_to(target),
     "loop": lambda: file.symlink_to(file), "device": lambda: file.symlink_to("/dev/zero")}[planted]()  # fmt: skip
    for _ in range(2):
        monkeypatch.setattr(engine, "_loaded", {})
        code = make()
        assert works(code)
    assert code.from_disk == (planted != "folder")  # all but a folder is replaced by a file of ours
    assert target.read_bytes() == content


def test_only_what_is_ours_is_removed(monkeypatch, tmp_path):
    monkeypatch.setattr(cache, "LIMIT", 3000)
    cache.store("0" * 64, b"")
    folder = tmp_path / "cache"
    theirs = [folder / name for name in ("f" * 64, "new-photo.jpg", "notes.txt", "e" * 64 + ".o")]
    for path in theirs:
        path.write_bytes(bytes(5000))
        os.utime(path, (1000, 1000))
    for name in ("folder", "new-folder"):
        (folder / (name + cache.SUFFIX)).mkdir()
        os.utime(folder / (name + cache.SUFFIX), (1000, 1000))
    (folder / ("link" + cache.SUFFIX)).symlink_to(theirs[0])
    before = stored(tmp_path)
    for k in range(1, 6):
        cache.store(f"{k:064x}", bytes(1000))
    left = stored(tmp_path)
    assert [path for path in before if path.name[:64] != "0" * 64] == [path for path in left if path.name[0] != "0"]
    assert sum(path.stat().st_size for path in left if path.name[0] == "0") <= 3000


def test_a_file_that_another_process_has_just_removed_stops_nothing(monkeypatch, tmp_path):
    monkeypatch.setattr(cache, "LIMIT", 3000)
    gone = os.unlink
    monkeypatch.setattr(cache.os, "unlink", lambda path: (gone(path), gone(path)))  # the other one was first
    for k in range(9):
        cache.store(f"{k:064x}", bytes(1000))
    assert sum(path.stat().st_size for path in stored(tmp_path)) <= 3000


def test_a_full_disk_leaves_nothing(monkeypatch, tmp_path):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cache.os, "replace", full)
    assert works(make())
    assert stored(tmp_path) == []


def test_threads_and_processes_writing_at_once():
    text = f"""
import sys
sys.path.insert(0, {os.path.dirname(__file__)!r})
from test_engine import cache, make, works
assert all(works(make(str(k))) for k in range(5))
for k in range(200):
    cache.store(f"{{k % 3:064x}}", bytes([k]) * 5000)
    found = cache.load(f"{{k % 3:064x}}")
    assert found is not None and found == found[:1] * 5000
"""
    processes = [subprocess.Popen([sys.executable, "-c", text]) for _ in range(2)]
    codes = []
    workers = [threading.Thread(target=lambda: codes.append(make("same"))) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert all(code is codes[0] for code in codes)
    assert [p.wait(60) for p in processes] == [0, 0]


def test_without_llvmlite_there_is_no_engine():
    text = "import sys; sys.modules['llvmlite'] = None\n"
    text += "from microgradient.native.runtime import engine\nprint(engine.available())"
    out = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True)
    assert (out.stdout, out.stderr) == ("False\n", "")


def test_without_llvmlite_there_is_one_warning():
    text = """
import sys
sys.modules["llvmlite"] = None
import microgradient as mg
print(mg.compile(lambda x: x + 1)(mg.tensor(1.0)).item())
print(mg.compile(lambda x: x + 2)(mg.tensor(1.0)).item())
print(mg.compile(lambda x: x + 3)(mg.Value(1.0)).data)
"""
    out = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True)
    assert out.stdout == "2.0\n3.0\n4.0\n"
    assert out.stderr.count("llvmlite could not be loaded") == out.stderr.count("Warning") == 1


def test_code_that_nobody_uses_is_gone():
    def make_many(n):
        for k in range(n):
            text = text_of("i64", f") {{ ret i64 {k} }}")()
            engine.Code(engine.compile_text(text, engine.host()), from_disk=False).address("f")
        gc.collect()
        return psutil.Process().memory_info().rss

    before = make_many(100)
    assert (make_many(300) - before) / 300 < 2000  # bytes; it was 15,000
