"""LLVM: from the text of kernels to addresses of machine code, for the processor of this machine or a narrower one.

llvmlite is loaded when the first of these functions is called, never by importing this module. The vectors are already in
the kernels' text, so few passes are run over it: a kernel takes 5 ms to compile, and by LLVM's own -O2 10.
"""

from __future__ import annotations

import os
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from typing import Any, NamedTuple

from ...errors import ArgumentError, warn_once
from ..codegen.ir import Function, module
from ..codegen.pointwise import REGISTERED
from . import cache as disk

TARGETS = {"sse": ("x86-64", 128), "avx2": ("x86-64-v3", 256), "avx512": ("x86-64-v4", 512)}
"""What MICROGRADIENT_TARGET may say besides "native": a processor in LLVM's words and the bits of its vectors."""
_OBJECT_FILES = (b"\x7fELF", b"\xcf\xfa\xed\xfe")  # how those of Linux and macOS begin


class Host(NamedTuple):
    """The processor that code is made for: LLVM's triple, name and features of it, and the bits of a vector."""

    triple: str
    cpu: str
    features: str
    vector_bits: int


class Code:
    """Machine code in memory; it stays there as long as this object does."""

    def __init__(self, object_code: bytes, from_disk: bool) -> None:
        import llvmlite.binding as llvm

        if not object_code.startswith(_OBJECT_FILES):  # the loader would end the process
            raise RuntimeError("This is no object file.")
        # a loader of its own: what LLVM's newer loader keeps of a library outlives it, 9 kB each
        self._loader = llvm.create_mcjit_compiler(llvm.parse_assembly(""), _machine(_native()))
        self._loader.add_object_file(llvm.ObjectFileRef.from_data(object_code))
        self._loader.finalize_object()
        self.from_disk = from_disk

    def address(self, name: str) -> int:
        """Where the function `name` begins."""
        return int(self._loader.get_function_address(name))


@cache
def available() -> bool:
    """Whether llvmlite can be loaded here and knows this processor. Who finds that it can't warns and computes with NumPy."""
    try:
        with _lock:  # a fork waits for who loads llvmlite
            _initialise()
            host()
    except (ImportError, OSError, RuntimeError, AttributeError):  # missing, broken, not for this processor, too old
        return False
    return True


def warn_of_numpy() -> None:
    """Warn, once, that there is no machine code."""
    warn_once(
        "MG207",
        "llvmlite could not be loaded, so compiled functions run on NumPy, instruction by instruction: right, but slow. Install "
        "it with `pip install llvmlite`.",
        everywhere=True,
    )


def host() -> Host:
    """The processor of this machine, or the narrower one of `forced` or the variable MICROGRADIENT_TARGET.

    Raises ArgumentError: a target that this machine does not have.
    """
    target = _forced or os.environ.get("MICROGRADIENT_TARGET", "") or "native"
    native = _native()
    if target == "native":
        return native
    if target not in targets():
        raise ArgumentError(
            "MG208",
            f"The target {target!r} can't run here: this machine is {native.triple}, {native.cpu}, with vectors of "
            f"{native.vector_bits} bits. There are 'native' and, on x86-64, {', '.join(TARGETS)}, if not wider than that.",
        )
    cpu, bits = TARGETS[target]
    return Host(native.triple, cpu, "", bits)


def targets() -> list[str]:
    """The targets that run on this machine: what MICROGRADIENT_TARGET may say."""
    native = _native()
    narrower = [t for t, (_, bits) in TARGETS.items() if bits <= native.vector_bits]
    return ["native", *(narrower if native.triple.startswith("x86_64") else ())]


@contextmanager
def forced(target: str) -> Iterator[None]:
    """Inside, code is made for `target`: "sse", "avx2", "avx512" or "native". For tests."""
    global _forced
    before, _forced = _forced, target
    try:
        yield
    finally:
        _forced = before


def machine_code(kernels: dict[str, Callable[[], Function]], key: str) -> Code:
    """The machine code of these kernels, by the names of their functions: from memory or disk if there, else made now.

    `key` must say all that the kernels depend on besides the processor and this package's source.
    """
    return code_of_text(lambda: module([make() for make in kernels.values()]), (*kernels, key))


class Kernel:
    """The machine code of one kernel, which may be one of several in a module."""

    __slots__ = ("__weakref__", "address", "code")

    def __init__(self, code: Code, name: str) -> None:
        self.code, self.address = code, code.address(name)


def kernels(makers: dict[str, Callable[[str], Function]]) -> dict[str, Kernel]:
    """The kernels that these functions of a name write, by texts that say all that they depend on. Those that a program has are
    shared, and the others are one module, so that a program for another shape, or state, compiles only what differs."""
    where = (host(), *REGISTERED)
    with _lock:
        found = {text: kernel for text in makers if (kernel := _kernels.get((where, text))) is not None}
        missing = [text for text in makers if text not in found]
        if missing:
            names = {text: f"k{n}" for n, text in enumerate(missing)}
            code = machine_code({name: partial(makers[text], name) for text, name in names.items()}, repr(missing))
            for text, name in names.items():
                found[text] = _kernels[where, text] = Kernel(code, name)
    return found


def code_of_text(text: Callable[[], str], key: object) -> Code:
    """The same for a whole module's text."""
    target = host()
    digest = disk.digest(target, key, REGISTERED)
    with _lock:
        code = _loaded.get(digest) or _from_disk(digest)
        if code is None:
            object_code = compile_text(text(), target, far=True)
            code = Code(object_code, from_disk=False)
            disk.store(digest, object_code)
        _loaded[digest] = code
    return code


def compile_text(text: str, target: Host, far: bool = False) -> bytes:
    """The object file of a module's text; `far`: its data may lie more than 2 GB away, among other libraries' memory."""
    parsed, machine = _optimised(text, target, far)
    return bytes(machine.emit_object(parsed))


def assembly(function: Function) -> str:
    """What a kernel is compiled to, to read."""
    parsed, machine = _optimised(module([function]), host())
    return str(machine.emit_assembly(parsed))


def _optimised(text: str, target: Host, far: bool = False) -> tuple[Any, Any]:
    import llvmlite.binding as llvm

    _initialise()
    parsed = llvm.parse_assembly(text)
    with _lock:
        machine, passes, builder = _passes(target, far)
        parsed.triple, parsed.data_layout = target.triple, str(machine.target_data)
        parsed.verify()
        passes.run(parsed, builder)
    missing = [f.name for f in parsed.functions if f.is_declaration and not _is_there(f.name)]
    if missing:  # the loader would end the process
        raise RuntimeError(f"There is no function {missing[0]} in this process.")
    return parsed, machine


def _is_there(function: str) -> bool:
    import llvmlite.binding as llvm

    return function.startswith("llvm.") or llvm.address_of_symbol(function) is not None


@cache
def _passes(target: Host, far: bool = False) -> tuple[Any, Any, Any]:
    """The code generator of a processor and the passes before it; made once, since LLVM never frees them."""
    import llvmlite.binding as llvm

    machine = _machine(target, far)
    passes = llvm.create_new_module_pass_manager()
    passes.add_always_inliner_pass()
    passes.add_sroa_pass()
    passes.add_instruction_combine_pass()
    passes.add_simplify_cfg_pass()
    return machine, passes, llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=2))


_forced = ""
_lock = threading.RLock()


def _before_fork() -> None:
    """A child must not inherit a lock that some other thread held; LLVM has one of its own, also when it frees something."""
    _lock.acquire()
    if (ffi := sys.modules.get("llvmlite.binding.ffi")) is not None:
        ffi.lib._lock.__enter__()
        _held.append(ffi.lib._lock)


def _after_fork() -> None:
    while _held:
        _held.pop().__exit__(None, None, None)
    _lock.release()


_held: list[Any] = []
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)
_loaded: weakref.WeakValueDictionary[str, Code] = weakref.WeakValueDictionary()
_kernels: weakref.WeakValueDictionary[Any, Kernel] = weakref.WeakValueDictionary()


def _from_disk(digest: str) -> Code | None:
    object_code = disk.load(digest)
    try:
        return None if object_code is None else Code(object_code, from_disk=True)
    except RuntimeError:  # no such code after all: make it anew
        return None


@cache
def _initialise() -> None:
    """Let LLVM know this processor, and the libraries that machine code calls."""
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    for library in ("libm.so.6", "libgcc_s.so.1") if sys.platform == "linux" else ():
        try:
            llvm.load_library_permanently(library)  # expf, pow; conversions of float16
        except RuntimeError:
            pass


@cache
def _native() -> Host:
    import llvmlite.binding as llvm

    _initialise()
    features = llvm.get_host_cpu_features()
    wide = [features.get(f) for f in ("avx512f", "avx512bw", "avx512dq", "avx512vl")]
    bits = 512 if all(wide) else 256 if features.get("avx2") and features.get("fma") else 128
    return Host(llvm.get_process_triple(), llvm.get_host_cpu_name(), features.flatten(), bits)


def _machine(target: Host, far: bool = False) -> Any:
    import llvmlite.binding as llvm

    return llvm.Target.from_triple(target.triple).create_target_machine(
        cpu=target.cpu,
        features=target.features,
        opt=2,
        reloc="static" if far else "pic",
        codemodel="large" if far else "small",
    )
