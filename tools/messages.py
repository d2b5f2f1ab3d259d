"""The sentences that Microgradient shows, read from its sources, beside those that a catalogue has.

    python tools/messages.py [--page] [--missing] [--unused] [--under FOLDER]

Prints JSON: the English of each sentence, with numbered holes, and where it is written with what fills the holes.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import click

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "microgradient"
CATALOGUES = PACKAGE / "locale" / "zh_CN"
# where a sentence stands in a call: numbers of arguments and names of keywords
ARGUMENTS: dict[str, tuple[int | str, ...]] = {
    "warn_once": (1,),
    **dict.fromkeys(("ClickException", "UsageError", "BadParameter", "translate", "_fail"), (0,)),
    **dict.fromkeys(("Option", "Argument", "click.option"), ("help",)),
    **dict.fromkeys(("command", "group"), ("short_help",)),
    "option": (1, "help"),
    **dict.fromkeys(("subject", "_remark"), (0,)),
    "Finding": (0, 2, 3, 4),
    "NextStep": (1,),
    "film": (2,),
    "Form": (3, 4),
}
# modules of which every text with two words of lower-case letters, one after another, is shown; of others, those that end in a
# full stop, but where these are documentation, or repeat the words of another library
TOLD = (
    "explain/differences.py", "explain/explanation.py", "explain/grading.py", "explain/largest_paths.py", "explain/mistakes.py",
    "explain/nonfinite.py", "explain/nonfinite_tape.py", "explain/replay.py", "explain/sentences.py", "explain/updates/update.py",
    "explain/updates/why_update.py", "explain/why.py", "cli/main.py", "cli/use.py", "cli/view.py", "cli/learn.py",
    "recipes/plots.py",
)  # fmt: skip
OTHERS_WORDS = ("torch/", "sklearn/", "scipy/", "scalar", "functions/methods.py", "functions/pointwise.py")
ASSIGNED = ("summary", "descent", "FIELDS", "HEADINGS")
# words that are no sentence by themselves, and what click and Python say
WORDS = (
    "NaN", "by", "cause", "change", "changed", "check", "clip", "cut", "effect", "entries", "evidence", "example", "formula",
    "later", "momentum", "rounding", "rule", "state", "sum", "through", "where",
    "path", "upstream × local", "contribution", "coefficient × value", "coefficient", "operation",
    "command", "data", "trained", "result", "made with", "accuracy", "exact", "validation", "weighted",
    "Arguments:", "Commands:", "Options:", "Usage: ", "Show this message and exit.", "Show the version and exit.",
    "Missing argument {0}.", "Missing parameter: {0}", "No such command {0}.", "No such option: {0}", "No such option {0}.",
    "No such option {0}. Did you mean {1}?", "No such command {0}. Did you mean {1}?",
    "No such option {0}. (Did you mean one of: {1}?)", "No such option: {0} Did you mean {1}?",
    "Got unexpected extra argument ({0})", "Got unexpected extra arguments ({0})", "Option {0} requires an argument.",
    "Option {0} does not take a value.", "Invalid value for {0}: {1}", "{0} is not a valid {1}.", "{0} is not one of {1}.",
    "{0} is not in the range {1}.", "File {0} does not exist.", "Directory {0} does not exist.", "Path {0} does not exist.",
    "File {0} is a directory.", "(Possible options: {0})",
    "{0}: too many positional arguments.", "{0}: missing a required argument: {1}.",
    "{0}: got an unexpected keyword argument {1}.", "{0}: multiple values for argument {1}.", "Write `{0}`.",
    "{0}: `{1}` is `{2}` here.",
    "{0}: `{1}` is `{2}` here, `{3}` is `{4}` here.", "not {0}: {1}", "right: {0}", "the answer is {0}",
)  # fmt: skip
_TWO_WORDS = re.compile(r"^(?!bold).*[a-z]{2,} [a-z]{2,}", re.DOTALL)


def messages() -> dict[str, list[str]]:
    """The English of each sentence of the package, with where it is written."""
    found: dict[str, list[str]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        name = str(path.relative_to(PACKAGE))
        if name.startswith("lessons/"):
            continue
        for node in _shown(list(ast.walk(ast.parse(path.read_text(encoding="utf-8")))), name):
            for english, holes in sentences(node):
                if re.search(r"[A-Za-z]{2}", re.sub(r"\{\d+\}", "", english)):
                    where = f"{name}:{node.lineno}"
                    found.setdefault(english, []).append("; ".join([where, *holes]))
    found.update((word, ["tools/messages.py"]) for word in WORDS)
    return found


def of_page() -> dict[str, list[str]]:
    """The same of the page: what its sources give to `t`."""
    found: dict[str, list[str]] = {}
    for path in sorted((ROOT / "web" / "src").glob("*.ts")):
        for call in re.finditer(r'\bt\("((?:[^"\\]|\\.)*)"', path.read_text(encoding="utf-8")):
            line = path.read_text(encoding="utf-8").count("\n", 0, call.start()) + 1
            found.setdefault(json.loads(f'"{call[1]}"'), []).append(f"web/{path.name}:{line}")
    return found


def _shown(nodes: list[ast.AST], name: str) -> Iterator[ast.expr]:
    """Of the module `name`, the expressions whose value is shown."""
    hidden: set[ast.AST] = set()  # docstrings, keys, and parts of other texts
    for node in nodes:
        if isinstance(node, ast.Expr):
            hidden.add(node.value)
        elif isinstance(node, ast.Dict):
            hidden |= set(node.keys) - {None}
    for node in nodes:
        if isinstance(node, ast.Call):
            yield from _arguments(node)
        elif isinstance(node, ast.AnnAssign | ast.Assign):
            targets = [node.target] if isinstance(node, ast.AnnAssign) else node.targets
            if node.value is not None and any(isinstance(t, ast.Name) and t.id in ASSIGNED for t in targets):
                yield from node.value.elts if isinstance(node.value, ast.Tuple) else [node.value]
        elif name.startswith("cli/") and isinstance(node, ast.FunctionDef) and _is_command(node):
            yield ast.Constant(ast.get_docstring(node), lineno=node.lineno)
        elif isinstance(node, ast.Constant | ast.JoinedStr) and node not in hidden:
            if isinstance(node, ast.JoinedStr):
                hidden |= set(ast.walk(node)) - {node}
            if any(_is_sentence(english, name) for english, _ in sentences(node)):
                yield node


def _arguments(call: ast.Call) -> Iterator[ast.expr]:
    """The arguments of a call that are shown."""
    last = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    owner = getattr(call.func, "value", None)
    called = f"{owner.id}.{last}" if isinstance(owner, ast.Name) else last
    places = (1,) if last in errors() else ARGUMENTS.get(called, ()) or ARGUMENTS.get(last, ())
    found = [call.args[place] for place in places if isinstance(place, int) and place < len(call.args)]
    found += [keyword.value for keyword in call.keywords if keyword.arg in places]
    yield from (text.body if isinstance(text, ast.Lambda) else text for text in found)


def _is_sentence(english: str, name: str) -> bool:
    """Whether a text of the module `name` is shown, wherever in it it stands."""
    ends = english.rstrip().endswith(".") and not name.startswith(OTHERS_WORDS)
    return bool(_TWO_WORDS.search(english)) and (name in TOLD or ends)


@cache
def errors() -> frozenset[str]:
    """The names of the classes that derive from MicrogradientError, which take a code and a sentence."""
    bases: dict[str, set[str]] = {}
    for path in PACKAGE.rglob("*.py"):
        for own, others in re.findall(r"^ *class (\w+)\(([^)]*)\)", path.read_text(encoding="utf-8"), re.MULTILINE):
            bases.setdefault(own, set()).update(re.findall(r"\w+", others))
    found = {"MicrogradientError"}
    while more := {name for name, own in bases.items() if own & found} - found:
        found |= more
    return frozenset(found)


def _is_command(node: ast.FunctionDef) -> bool:
    return any(re.search(r"\b(command|group)\b", ast.unparse(decorator)) for decorator in node.decorator_list)


def sentences(node: ast.expr) -> Iterator[tuple[str, list[str]]]:
    """The English of a text in the sources, and what fills its holes; of alternatives, each."""
    if isinstance(node, ast.IfExp):
        yield from sentences(node.body)
        yield from sentences(node.orelse)
        return
    if isinstance(node, ast.Dict):
        for value in node.values:
            yield from sentences(value)
        return
    parts = list(_parts(node))
    if not any(isinstance(part, str) for part in parts):
        return
    text, holes = "", list[str]()
    for part in parts:
        if isinstance(part, str):
            text += part.replace("{", "{{").replace("}", "}}")
        else:
            code = ast.unparse(part)
            holes += [] if code in holes else [code]
            text += f"{{{holes.index(code)}}}"
    yield text, holes


def _parts(node: ast.expr) -> Iterator[str | ast.expr]:
    """What a text is put together from: literals and expressions."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        for value in node.values:
            yield from _parts(value.value if isinstance(value, ast.FormattedValue) else value)
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add) and _is_text(node):
        yield from _parts(node.left)
        yield from _parts(node.right)
    else:
        yield node


def _is_text(node: ast.expr) -> bool:
    """Whether a sum is one of texts."""
    if isinstance(node, ast.BinOp):
        return _is_text(node.left) or _is_text(node.right)
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def catalogue(name: str) -> dict[str, str]:
    """The catalogue `messages` or `page`, Chinese by English."""
    kept: dict[str, str] = json.loads((CATALOGUES / f"{name}.json").read_text(encoding="utf-8"))
    return kept


@click.command(help=__doc__.splitlines()[0])
@click.option("--page", is_flag=True, help="Those of the page instead.")
@click.option("--missing", is_flag=True, help="Those that the catalogue lacks.")
@click.option("--unused", is_flag=True, help="The catalogue's that no source has.")
@click.option("--under", default="", help="Those of the files whose names begin so.")
def main(page: bool, missing: bool, unused: bool, under: str) -> None:
    """Print them."""
    found, kept = (of_page(), catalogue("page")) if page else (messages(), catalogue("messages"))
    if unused:
        found = {english: [] for english in kept if english not in found}
    elif missing:
        found = {english: places for english, places in found.items() if english not in kept}
    told = {english: places for english, places in found.items() if any(p.startswith(under) for p in [*places, ""])}
    click.echo(json.dumps(told, indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
