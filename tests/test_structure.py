"""The shape of the code: imports point one way, importing is light, public things are documented."""

from __future__ import annotations

import ast
import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import microgradient as mg

PACKAGE = Path(mg.__file__).parent
# a module may import those of its own group and of groups above it in this list
ORDER = [
    ["startup"], ["language"], ["errors"], ["other_names"], ["trace_hooks"], ["primitives", "rules", "rules_linalg"],
    ["array_world", "array_linalg", "box_muller", "special_kernels", "rules_special"],
    ["tensor_hooks", "in_place"], ["tape"], ["interop"], ["indexing"], ["operators"], ["taped_world", "coercion"],
    ["gradients"], ["tensor", "scalar_world", "scalar_sweep", "tree"], ["traced_draws"], ["scalar", "random"],
    ["functions", "transforms", "custom_rules", "check"],
    ["fft", "special", "sparse"], ["numpy", "distributions"], ["scipy"],
    ["nn"], ["optim"], ["program", "native", "scalar_jit"],
    ["explain", "data"], ["train"], ["tables"], ["torch"], ["rl"], ["recipes"],
    ["page"], ["sklearn"], ["lessons"], ["learn"], ["cli"], ["__main__", "__init__"],
]  # fmt: skip
RANK = {name: rank for rank, group in enumerate(ORDER) for name in group}


def modules():
    return sorted(PACKAGE.rglob("*.py"))


def imported(path):
    """Modules of this package that a file imports at its top level, as the first part of their names."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    for statement in ast.parse(path.read_text()).body:
        if isinstance(statement, ast.ImportFrom):
            base = (
                list(parts[: len(parts) - statement.level])
                if statement.level
                else (statement.module or "").split(".")[1:]
            )
            full = base + (statement.module.split(".") if statement.level and statement.module else [])
            if statement.level or (statement.module or "").split(".")[0] == "microgradient":
                names = [full[0]] if full else [alias.name for alias in statement.names]
                yield from (name for name in names if name in RANK)
        elif isinstance(statement, ast.Import):
            yield from (a.name.split(".")[1] for a in statement.names if a.name.startswith("microgradient."))


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_one_way(path):
    own = path.relative_to(PACKAGE).with_suffix("").parts[0]
    assert own in RANK, f"{own} has no place in the order of imports"
    wrong = [name for name in imported(path) if RANK[name] > RANK[own]]
    assert wrong == []


# the same inside of compiled mode, from what a program is to what runs it; imports within functions and for types count, too
FLOORS = [
    ["program.program", "program.bindings", "program.shapes", "program.modules", "program.names", "program.reentry",
     "program.origin", "program.profile"],
    ["program.sym"], ["program.traced_world"], ["program.traced_optimizer"], ["program.trace"],
    ["program.simplify"], ["program.interpret", "program.batching"], ["program.pullback", "program.vmap"],
    ["program.body"], ["program.control_rules", "program.deferred_sums"],
    ["program.scan", "program.conditions", "program.repetition"],
    ["program.control_flow"],
    ["native.lower"], ["native.plan"], ["native.codegen"], ["native.runtime"],
    ["program.leaks", "program.meeting_values"], ["program.guards", "program.capture", "program.owned"],
    ["program.lengths"], ["program.padding"], ["program.specialization"], ["program.signature"], ["program.buckets"],
    ["program.retracing", "program.amortization", "program.checking"],
    ["scalar_jit"], ["program.compiler"], ["program.compiled"],
]  # fmt: skip
HIGHER = {"native.codegen": "native.plan.kernel"}
"""Of the floor before it, which plans what it writes, code generation knows the descriptions of kernels alone."""


def compiled_mode():
    """The modules of compiled mode by name, without `microgradient.` in front."""
    names = {".".join(path.relative_to(PACKAGE).with_suffix("").parts): path for path in modules()}
    parts = ("program", "native", "scalar_jit")
    return {name: path for name, path in names.items() if name.split(".")[0] in parts and "__init__" not in name}


def all_imports(name, path, known):
    """Modules among `known` that a module imports anywhere."""
    package = name.split(".")[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            found = [*package[: len(package) - node.level + 1], *filter(None, [node.module])]
            full = {".".join([*found, alias.name]) for alias in node.names} | {".".join(found)}
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "import_module":
            said = node.args[0].value
            level = len(said) - len(said.lstrip("."))
            full = {".".join([*package[: len(package) - level + 1], said.lstrip(".")])}
        else:
            continue
        yield from full & known.keys()


def floor(name):
    """The number of the floor that a module is on."""
    found = [k for k, group in enumerate(FLOORS) for x in group if name == x or name.startswith(x + ".")]
    assert len(found) == 1, f"{name} has no place among the floors of compiled mode"
    return found[0]


def test_floors_of_compiled_mode():
    """Each imports from those before it, and within a floor no imports go round in a circle."""
    known = compiled_mode()
    arrows = {name: set(all_imports(name, path, known)) for name, path in known.items()}
    upward = [f"{a} imports {b}" for a, targets in arrows.items() for b in targets if floor(b) > floor(a)]
    assert upward == []
    for name, only in HIGHER.items():
        above = ".".join(only.split(".")[:2])
        found = {b for a, bs in arrows.items() if a.startswith(name) for b in bs if b.startswith(above)}
        assert found == {only}
    rest = dict(arrows)
    while free := [name for name, targets in rest.items() if not targets & rest.keys() - {name}]:
        for name in free:
            del rest[name]
    assert list(rest) == [], "imports in a circle"


LATE = [f"microgradient.{name}" for name in ("nn", "optim", "distributions", "sparse", "data", "program")]
HEAVY = ["scipy", "llvmlite", "matplotlib", "sympy", "rich", "click", "sklearn", "torch", "pandas"]


@pytest.mark.parametrize("name", ["microgradient", "microgradient.torch", "microgradient.numpy"])
def test_importing_loads_nothing_heavy(name):
    code = f"import sys, {name}; print([m for m in sys.modules if m in {LATE} or m.split('.')[0] in {HEAVY}])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_every_public_name_exists_and_is_documented():
    undocumented = []
    for module in (
        "microgradient",
        "microgradient.nn",
        "microgradient.nn.functional",
        "microgradient.optim",
        "microgradient.linalg",
    ):
        namespace = mg.linalg if module.endswith("linalg") else importlib.import_module(module)
        for name in namespace.__all__:
            thing = getattr(namespace, name)
            if (inspect.isfunction(thing) or inspect.isclass(thing)) and not inspect.getdoc(thing):
                undocumented.append(f"{module}.{name}")
    assert undocumented == []


def test_error_codes_stay_in_their_ranges():
    import re

    codes = {code for path in modules() for code in re.findall(r'"(MG\d+)"', path.read_text())}
    assert codes
    assert all(100 <= int(code[2:]) < 230 and len(code) == 5 for code in codes)


def test_each_lesson_is_in_the_source_distribution_once():
    """The link `lessons` at the top is for readers; a package built by following it would have no lessons."""
    from hatchling.builders.sdist import SdistBuilder

    root = PACKAGE.parents[1]
    shown = sorted(path.relative_to(root / "lessons").as_posix() for path in (root / "lessons").glob("*/*.py"))
    packed = [file.distribution_path for file in SdistBuilder(str(root)).recurse_included_files()]
    assert len(shown) > 50
    assert sorted(name for name in packed if "lessons/" in name) == [f"src/microgradient/lessons/{x}" for x in shown]
