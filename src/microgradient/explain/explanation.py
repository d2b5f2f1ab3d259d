"""What `mg.why` returns, and how it is shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ArgumentTypeError, GradientError
from ..language import translate
from . import derivation
from .differences import Check
from .render import (
    Line,
    Shown,
    base,
    columns,
    largest,
    mark,
    norm,
    number,
    plain,
    short,
    sign_style,
    subject,
)

if TYPE_CHECKING:
    from .composites import Composite
    from .examples import Examples
    from .through import Through


@dataclass(frozen=True)
class Edge:
    """One path into a gradient: upstream × local = contribution.

    `via` is the name of what was computed from x and `formula` how, `op` the primitive that did it, `rule` what it does with
    a gradient in words, `where` the source line and `layer` the nn layer, where they are known; x is argument number
    `argument` of it. `composite` is the call of a function, such as `softmax`, that it is inside of and x is not. For a whole
    tensor the numbers are arrays; `local` is then None unless the primitive works entry by
    entry. `why()` explains the upstream gradient in its turn: so any number can be followed to the loss.

    >>> import microgradient as mg
    >>> a = mg.Value(2.0)
    >>> y = a * 3.0
    >>> y.backward()
    >>> edge = mg.why(a).edges[0]
    >>> edge.op, edge.upstream, edge.local, edge.contribution
    ('*', 1.0, 3.0, 3.0)
    """

    via: str
    op: str
    upstream: Any
    local: Any
    contribution: Any
    formula: str = ""
    rule: str = ""
    where: str = ""
    layer: str = ""
    argument: int = 0
    explain: Callable[[], Why] | None = field(default=None, repr=False, compare=False)
    node: Any = field(default=None, repr=False, compare=False)  # or Value: what was computed from x
    result: Any = field(
        default=None, repr=False, compare=False
    )  # the node of `via`: of several results of one operation, one
    index: tuple[int, ...] | None = field(default=None, repr=False, compare=False)  # of `via` in it; None: all of it
    composite: Composite | None = field(default=None, repr=False, compare=False)

    def why(self) -> Why:
        """The explanation of the upstream gradient, ∂of/∂via."""
        if self.explain is None:
            raise GradientError("MG117", "This path was made by hand: what comes before it is not known.")
        return self.explain()


class Why(Shown):
    """A gradient and the paths along which it came. Printing it shows it; `latex()` gives the derivation in LaTeX.

    `name` and `of` are the names of x and of what was differentiated, `value` and `gradient` the numbers, `edges` the
    paths (the largest, where there are many), `more` how many are left out and what they add, `sum` all contributions
    added up: it is the gradient. `check` is the central difference, `where` the source line that made x; `notes` are
    (subject, text) with further remarks. `groups` are (along what, sums): many paths, added up by example or
    position; what is added up in each is all the paths through one use. `through` are the calls of functions made of several
    operations through which it came, with what each contributed, and (p − y) / n, say, as the reason.

    >>> import microgradient as mg
    >>> a = mg.Value(2.0, label="a")
    >>> y = a * a
    >>> y.backward()
    >>> found = mg.why(a)
    >>> found.gradient, [edge.contribution for edge in found.edges], found.sum
    (4.0, [2.0, 2.0], 4.0)
    """

    def __init__(self, name: str, of: str, value: Any, gradient: Any, where: str = "") -> None:
        self.name, self.of = name, of
        self.value, self.gradient = value, gradient
        self.where = where
        self.edges: tuple[Edge, ...] = ()
        self.more: tuple[int, Any] = (0, 0.0)
        self.groups: list[tuple[str, Any]] = []
        self.through: list[Through] = []
        self.sum: Any = 1.0 if name == of else 0.0
        self.scale = 0.0
        self.check = Check(None, 0.0, "", "not taken")
        self.notes: list[tuple[str, str]] = []
        self.by_example: Callable[..., Examples] | None = None

    def keep(self, contributions: Sequence[Any], edge: Callable[[int], Edge], top: int | None) -> None:
        """Make edges of the `top` largest paths, given by their contributions, largest first.

        If there are not more, whole tensors and numbers without an index keep their order.
        """
        sizes = np.array([norm(c) if np.ndim(self.value) else abs(c) for c in contributions])
        ranked = range(len(sizes))
        if (top is not None and len(sizes) > top) or self.name.endswith("]"):
            first = -np.nan_to_num(sizes, nan=np.inf, posinf=np.inf)  # NaN explains most
            ranked = np.argsort(first, kind="stable").tolist()
        self.edges = tuple(map(edge, ranked[:top]))
        left = ranked[len(self.edges) :]
        self.more = len(left), sum((contributions[i] for i in left), 0.0)
        self.sum = sum(contributions, self.sum)
        self.scale = float(np.sum(sizes))

    @property
    def paths(self) -> int:
        """How many paths there are, those left out included."""
        return len(self.edges) + self.more[0]

    def examples(self, batch: Any = None, axis: int | None = None) -> Examples:
        """What each example of the batch contributed to this gradient, the largest first.

        The batch is what an nn.Module was called with. Of any other program say what it is: `batch` is a tensor that entered the
        computation, or several, such as inputs and targets, and `axis` the one of theirs that counts the examples (0 if none).

        From there examples are followed. What moves entries moves them alike: an index, a slice, a mask or a permutation of the
        batch, `reshape`, `concat`; what works entry by entry keeps them. Of any other operation it is found by computing it once
        more with the examples in another order which axis of the result counts them: the one that is permuted alike. Where
        none is (a mean over the batch), or several examples meet in one entry (`x[a] * x[b]`), and behind a `custom_rule`, it is
        not known; what gets to the loss that way is `rest`. Also what needs no gradient is followed, if it is computed under the
        trace and not by NumPy.

        >>> import microgradient as mg
        >>> from microgradient import nn
        >>> model = nn.Linear(2, 1)
        >>> x, y = mg.tensor([[1.0, 2.0], [3.0, 4.0]]), mg.tensor([[0.0], [1.0]])
        >>> with mg.trace():
        ...     loss = nn.functional.mse_loss(model(x), y)
        ...     loss.backward()
        >>> found = mg.why(model.weight, (0, 1))
        >>> len(found.examples()), abs(sum(each.contribution for each in found.examples()) - found.gradient) < 1e-6
        (2, True)

        >>> w = mg.tensor([[1.0], [2.0]], requires_grad=True)
        >>> with mg.trace():
        ...     loss = mg.sum((x @ w - y) ** 2)
        ...     loss.backward()
        >>> [each.contribution for each in mg.why(w, (0, 0)).examples(batch=(x, y))]
        [60.0, 10.0]

        Raises GradientError (MG118) where it is not known which axis counts the examples, and where nothing in the graph reads
        what is named as `batch`.
        """
        if self.by_example is None:
            raise GradientError("MG117", "This explanation was made by hand: its examples are not known.")
        if batch is None and axis is not None:
            raise ArgumentTypeError(
                "MG116", "`axis` is that of `batch`: name the batch, too, `.examples(batch=x, axis=1)`."
            )
        return self.by_example(batch, 0 if axis is None else axis)

    def folded(self) -> list[Through]:
        """Of `through` what is told as one: with a closed form, or if it has several of the paths, but not all."""
        return [each for each in self.through if each.formula is not None or 1 < each.paths < self.paths]

    def told_through(self) -> list[tuple[str, str]]:
        """(subject, text) of the three largest that are told as one."""
        largest = sorted(self.folded(), key=lambda each: -norm(each.contribution))[:3]
        return [(about, text) for each in largest for about, text in (("through", each.text()), ("where", each.told))]

    def latex(self) -> str:
        r"""The derivation as a LaTeX `aligned` block: in symbols, in numbers, the result."""
        return derivation.latex(self)

    def _lines(self) -> list[Line]:
        return _lines(self)

    def told_check(self) -> str:
        """The central difference beside the rules, as text."""
        return plain([_checked(self, np.ndim(self.value) > 0)])


# ------------------------------------------------------------------------------------------------------------- as text


def _lines(why: Why) -> list[Line]:
    whole = np.ndim(why.value) > 0
    found: list[Line] = [_headline(why)]
    rows = [_row(why, e) for e in why.edges]
    layer, where = _common(e.layer for e in why.edges), _common(e.where for e in why.edges)
    vias = Counter(e.via for e in why.edges)
    for edge, cells in zip(why.edges, columns(rows, right=() if whole else (2, 4, 6)), strict=True):
        line: Line = [("  ", "")]
        line += zip(cells, ("bold", "dim", "cyan", "dim", "cyan", "", ""), strict=True)
        sign = mark(edge.contribution)
        line.append((f"  {sign}", sign_style(sign)))
        argument = translate(f"as argument {edge.argument + 1}") if vias[edge.via] > 1 else ""
        notes = filter(None, ["" if layer else edge.layer, "" if where else edge.where, argument])
        found.append([*line, ("   " + " ".join(notes), "dim")])
    count, total = why.more
    if count:
        told = short(total) if np.ndim(total) else number(total, sign=True)
        found.append([("  " + translate(f"and {count:,} more: "), ""), (told, "bold")])
    remarks = [("by", f"{translate(along)}{translate(': ')}{largest(sums)}", "") for along, sums in why.groups]
    formulas = dict.fromkeys(f"{e.via.partition('[')[0]} = {e.formula}" for e in why.edges if _numbered(e.via))
    remarks += [("where", text, "italic") for text in list(formulas)[:3]]
    remarks += [("rule", text, "italic") for text in list(dict.fromkeys(e.rule for e in why.edges))[:3]]
    remarks += [(about, text, "") for about, text in [*why.told_through(), *why.notes]]
    found += [[subject(about), (translate(text), style)] for about, text, style in remarks if text]
    return [*found, [subject("check"), *_checked(why, whole)]]


def _headline(why: Why) -> Line:
    if why.name == why.of:
        uses = translate("where every backward pass starts")
    elif not why.paths:
        uses = translate(f"{why.of} does not depend on it", why.of)
    elif why.paths == 1:
        uses = translate(f"{base(why.name)} used 1×", base(why.name))
    else:
        uses = translate(f"{base(why.name)} used {why.paths:,}× → {why.paths:,} paths, added", base(why.name))
    told = [uses, _common(e.layer for e in why.edges), why.where or _common(e.where for e in why.edges)]
    line = [(f"∂{why.of}/∂{why.name} = ", "bold"), (short(why.gradient), "bold yellow")]
    line.append((f"     {why.name} = {short(why.value)}", ""))
    return line + [(f"     {text}", "dim" if text is not uses or not why.edges else "") for text in told if text]


def _common(texts: Iterable[str]) -> str:
    """What all of the texts are, "" if they differ."""
    found = set(texts)
    return found.pop() if len(found) == 1 else ""


def _row(why: Why, e: Edge) -> list[str]:
    """via c · ∂L/∂c · 4.0 · × ∂c/∂b · 1.0 · = · +4.0"""
    of, via, x = base(why.of), base(e.via), base(why.name)
    through, local = (translate(f" through {e.op}"), "") if e.local is None else (f" × ∂{via}/∂{x} ", short(e.local))
    contribution = short(e.contribution) if np.ndim(e.contribution) else number(e.contribution, sign=True)
    return [f"{translate('via')} {e.via}  ", f"∂{of}/∂{via} ", short(e.upstream), through, local, " = ", contribution]


def _checked(why: Why, whole: bool) -> Line:
    check, x = why.check, base(why.name)
    if why.name == why.of:
        return [(translate(f"∂{why.of}/∂{why.of} is 1"), "")]
    if check.numeric is None:
        return [(translate(check.note), "dim")]
    d = "d" if whole else ""
    told = _fixed(0.0 if check.agrees and check.analytic == 0 else check.numeric)
    text = f"{translate('along a random direction d: ') if whole else ''}(f({x}+h{d})-f({x}-h{d}))/2h = {told} "
    if check.verdict == "agrees":
        return [(text, ""), ("✓", "green")]
    rules = translate(f" the rules give {_fixed(check.analytic)}: ")
    if check.agrees:
        return [(text, ""), ("~", "bold yellow"), (rules + translate(check.note), "yellow")]
    reason = f"a kink ({check.note})" if check.verdict == "kink" else "a rule is not the derivative"
    return [(text, ""), ("✗", "bold red"), (rules + translate(reason), "red")]


def _fixed(x: float) -> str:
    return f"{x:.6f}" if x == 0 or 1e-3 <= abs(x) < 1e6 else f"{x:.6e}"


def _numbered(name: str) -> bool:
    """Whether a name is one of ours, such as v2, that tells nothing by itself."""
    return name[0] == "v" and name[1:].partition("[")[0].isdigit()
