"""Hooks of mkdocs: the pages that are derived from the code and from the files at the root of the repository.

The reference has a chapter for every public module, with all that its `__all__` names, so nothing is listed by hand. The READMEs,
CONTRIBUTING.md and CHANGELOG.md are pages, too. When the site is built, every public name must be on it.
"""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).parent.parent
CHAPTERS = {
    "microgradient": "mg",
    "microgradient.functions.linalg": "mg.linalg",
    "microgradient.fft": "mg.fft",
    "microgradient.special": "mg.special",
    "microgradient.sparse": "mg.sparse",
    "microgradient.random": "mg.random",
    "microgradient.scalar": "scalar",
    "microgradient.nn": "nn",
    "microgradient.nn.functional": "nn.functional",
    "microgradient.nn.init": "nn.init",
    "microgradient.nn.utils": "nn.utils",
    "microgradient.nn.utils.parametrizations": "nn.utils.parametrizations",
    "microgradient.nn.utils.parametrize": "nn.utils.parametrize",
    "microgradient.nn.utils.prune": "nn.utils.prune",
    "microgradient.nn.utils.rnn": "nn.utils.rnn",
    "microgradient.nn.utils.stateless": "nn.utils.stateless",
    "microgradient.optim": "optim",
    "microgradient.optim.lr_scheduler": "optim.lr_scheduler",
    "microgradient.optim.swa_utils": "optim.swa_utils",
    "microgradient.distributions": "distributions",
    "microgradient.distributions.constraints": "distributions.constraints",
    "microgradient.numpy.transforms": "mg.numpy.transforms",
    "microgradient.data": "data",
    "microgradient.data.transforms": "data.transforms",
    "microgradient.explain": "explain",
    "microgradient.explain.doctor": "explain.doctor",
    "microgradient.page": "page",
    "microgradient.learn": "learn",
    "microgradient.train": "train",
    "microgradient.rl": "rl",
    "microgradient.tables": "tables",
    "microgradient.recipes": "recipes",
    "microgradient.sklearn": "sklearn",
}
"""The public modules, and how users write them."""
AT_THE_ROOT = {
    "README": "index",
    "README.zh-CN": "index.zh-CN",
    "CONTRIBUTING": "contributing",
    "CHANGELOG": "changelog",
}
"""The files at the root of the repository that are pages, and as which."""


# ------------------------------------------------------------------------------------------------------ what is public


def public(module: ModuleType) -> dict[str, Any]:
    """The public names of a module: its `__all__`, or else what it defines itself."""
    if hasattr(module, "__all__"):
        return {name: getattr(module, name) for name in sorted(module.__all__, key=str.lower)}
    own = {name: thing for name, thing in vars(module).items() if getattr(thing, "__module__", "") == module.__name__}
    return {name: own[name] for name in sorted(own, key=str.lower) if not name.startswith("_")}


def documented(module: ModuleType) -> dict[str, Any]:
    """The functions and classes among them: what has a docstring."""
    return {name: thing for name, thing in public(module).items() if inspect.isroutine(thing) or inspect.isclass(thing)}


def anchor(thing: Any) -> str:
    """Where a function or class is defined: the name of its place on the site."""
    return f"{home(thing)}.{thing.__qualname__}"


def home(thing: Any) -> str:
    """The module in which it is defined, though it is public in another."""
    return str(inspect.unwrap(thing).__module__)


# ----------------------------------------------------------------------------------------------------------- the pages


def pages() -> dict[str, tuple[str, str]]:
    """The chapters of the reference: by their file, title and text."""
    found = {}
    for path, spoken in CHAPTERS.items():
        module = importlib.import_module(path)
        by_home: dict[str, dict[str, Any]] = {}
        for name, thing in documented(module).items():
            by_home.setdefault(home(thing), {})[name] = thing
        if path != "microgradient":
            text = "\n".join([f"# {spoken}\n", summary(module), constants(module), *map(section, by_home.values())])
            found[f"reference/{spoken}.md"] = spoken, text.replace("SPOKEN", spoken)
            continue
        for place in sorted(
            by_home.keys() - CHAPTERS.keys()
        ):  # the front door is many chapters: one for each file behind it
            title = place.rpartition(".")[2].replace("_", " ")
            text = "\n".join([f"# mg: {title}\n", summary(importlib.import_module(place)), section(by_home[place])])
            found[f"reference/mg.{title.replace(' ', '_')}.md"] = f"mg: {title}", text.replace("SPOKEN", spoken)
        found["reference/mg.constants.md"] = "mg: constants", f"# mg: constants and dtypes\n\n{constants(module)}"
    return found


def summary(module: ModuleType) -> str:
    """What the module says of itself."""
    return (inspect.getdoc(module) or "").replace("``", "`") + "\n"


def section(things: dict[str, Any]) -> str:
    """The directives that draw the signature and docstring of each."""
    directive = "::: {}\n    options:\n      heading: SPOKEN.{}\n      toc_label: {}\n"
    return "\n".join(directive.format(anchor(thing), name, name) for name, thing in things.items())


def constants(module: ModuleType) -> str:
    """A table of the public names that are neither functions nor classes."""
    rows = [(name, thing) for name, thing in public(module).items() if name not in documented(module)]
    lines = [f"| `{name}` | {value(thing)} |" for name, thing in rows]
    return "\n".join(["| name | what it is |", "| --- | --- |", *lines]) + "\n" if lines else ""


def value(thing: Any) -> str:
    if inspect.ismodule(thing):
        return f"the module `{thing.__name__}`"
    return f"a dtype, NumPy's `{thing!r}`" if hasattr(thing, "kind") else f"`{thing!r}`"


# ------------------------------------------------------------------------------------------------------ mkdocs calls these


def on_config(config: Any) -> Any:
    for entry in config.nav:
        if "Reference" in entry:
            entry["Reference"] = [{title: name} for name, (title, _) in pages().items()]
    return config


def on_files(files: Any, config: Any) -> Any:
    from mkdocs.structure.files import File  # not at the top: the tests read the lists above without mkdocs

    for name, (_, text) in pages().items():
        files.append(File.generated(config, name, content=text))
    for source, name in AT_THE_ROOT.items():
        text = re.sub(r"\]\(docs/", "](", (ROOT / f"{source}.md").read_text(encoding="utf-8"))
        text = re.sub(r"\]\(([\w.-]+)\.md", lambda m: f"]({AT_THE_ROOT.get(m[1], m[1])}.md", text)
        files.append(File.generated(config, f"{name}.md", content=text))
    return files


def on_post_build(config: Any) -> None:
    """Every public name has its place on the site."""
    from mkdocs.exceptions import PluginError

    written = "".join(page.read_text() for page in Path(config.site_dir, "reference").rglob("*.html"))
    things = [thing for path in CHAPTERS for thing in documented(importlib.import_module(path)).values()]
    missing = sorted({anchor(thing) for thing in things if f'id="{anchor(thing)}"' not in written})
    if missing:
        raise PluginError(f"These public names are not on the site: {', '.join(missing)}")
