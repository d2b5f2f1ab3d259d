"""Episodes as films, drawn from the environments' states, and as animated GIFs by Pillow. No window is opened."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import ArgumentError, DataError
from ..language import translate
from ..train.atomic import write_atomically
from ..train.offers import Film, Stroke

Array = NDArray[Any]
_INK, _ACCENT, _GROUND = (31, 35, 40), (9, 105, 218), (140, 149, 159)
_PER_SECOND = 25  # frames
_FINE = 2  # drawn so many times larger, then scaled down: smooth edges


class View(NamedTuple):
    """What of the plane is seen, and the strokes of a state."""

    left: float
    right: float
    bottom: float
    top: float
    strokes: Callable[[Array], list[Stroke]]


def frames(name: str, states: Array, width: int = 320) -> list[Any]:
    """A picture (`PIL.Image`) of each state of the environment `name`.

    >>> frames("Pendulum-v1", np.zeros((2, 2)), width=100)[0].size
    (100, 100)
    """
    try:
        from PIL import Image, ImageDraw
    except ImportError as error:
        raise DataError("MG184", "Pictures of episodes need Pillow, which is missing: pip install 'microgradient[recipes]'."
                        ) from error  # fmt: skip
    view = _view(name)
    scale = _FINE * width / (view.right - view.left)
    size = _FINE * width, round(scale * (view.top - view.bottom))
    pictures = []
    for state in states:
        picture = Image.new("RGB", size, "white")
        draw = ImageDraw.Draw(picture)
        for points, thick, colour in view.strokes(state):
            at = [(scale * (x - view.left), scale * (view.top - y)) for x, y in points]
            radius = scale * thick / 2
            if len(at) > 1:
                draw.line(at, fill=colour, width=max(1, round(2 * radius)), joint="curve")
            for x, y in at:
                draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)
        pictures.append(picture.resize((width, round(size[1] / _FINE))))
    return pictures


def film(name: str, states: Array, told: str) -> Film:
    """The states of an episode as a film, which tells `told`; two steps of the environment a frame, and the last state.

    >>> film("Pendulum-v1", np.zeros((6, 2)), "an episode").frames[0][1].points
    [(0, 0)]
    """
    view = _view(name)
    shown = [*states[:-1:2], states[-1]]
    frames = [view.strokes(state) for state in shown]
    return Film(view.left, view.right, view.bottom, view.top, frames, every=2, per_second=_PER_SECOND, told=told)


def _view(name: str) -> View:
    if name not in VIEWS:
        raise ArgumentError("MG188", f"There is no drawing of {name}; there are {', '.join(VIEWS)}.")
    return VIEWS[name]


def save_film(name: str, states: Array, path: str | Path, per_second: int = _PER_SECOND) -> None:
    """Write the states as an animated GIF, two steps of the environment a frame.

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "episode.gif"
    >>> save_film("CartPole-v1", np.zeros((4, 4)), file)
    >>> file.read_bytes()[:6]
    b'GIF89a'
    """
    pictures = [picture.quantize(16) for picture in frames(name, states[::2])]
    content = io.BytesIO()
    pictures[0].save(content, "GIF", save_all=True, append_images=pictures[1:], duration=1000 // per_second, loop=0)
    write_atomically(path, content.getvalue())


def draw_episode(figure: Any, name: str, states: Array, count: int = 6) -> None:
    """A few moments of an episode, on a `matplotlib.figure.Figure`."""
    moments = np.unique(np.linspace(0, len(states) - 1, count).round().astype(int))
    axes = np.ravel(figure.subplots(2, (len(moments) + 1) // 2))
    for axis in axes:
        axis.axis("off")
    for axis, moment, picture in zip(axes, moments, frames(name, states[moments]), strict=False):
        axis.imshow(np.asarray(picture))
        axis.set_title(translate(f"step {moment:,}"))


def _cartpole(state: Array) -> list[Stroke]:
    x, angle = float(state[0]), float(state[2])
    pole = [(x, 0.1), (x + np.sin(angle), 0.1 + np.cos(angle))]
    return [
        Stroke([(-2.4, 0), (2.4, 0)], 0.03, _GROUND),
        Stroke([(x - 0.2, 0.1), (x + 0.2, 0.1)], 0.2, _INK),
        Stroke(pole, 0.09, _ACCENT),
    ]


def _pendulum(state: Array) -> list[Stroke]:
    tip = -float(np.sin(state[0])), float(np.cos(state[0]))
    return [Stroke([(0, 0), tip], 0.16, _ACCENT), Stroke([(0, 0)], 0.1, _INK)]


def _acrobot(state: Array) -> list[Stroke]:
    first, both = float(state[0]), float(state[0] + state[1])
    elbow = np.sin(first), -np.cos(first)
    hand = elbow[0] + np.sin(both), elbow[1] - np.cos(both)
    return [
        Stroke([(-2.2, 1), (2.2, 1)], 0.03, _GROUND),
        Stroke([(0, 0), elbow], 0.16, _INK),
        Stroke([elbow, hand], 0.16, _ACCENT),
    ]


def _mountain_car(state: Array) -> list[Stroke]:
    def height(x: float) -> float:
        return 0.45 * float(np.sin(3 * x)) + 0.55

    x = float(state[0])
    road = [(p, height(p)) for p in np.linspace(-1.2, 0.6, 60).tolist()]
    goal = [(0.45, height(0.45)), (0.45, height(0.45) + 0.2)]
    return [Stroke(road, 0.015, _GROUND), Stroke(goal, 0.015, _INK), Stroke([(x, height(x) + 0.05)], 0.1, _ACCENT)]


VIEWS: dict[str, View] = {
    "CartPole-v1": View(-2.4, 2.4, -0.4, 1.6, _cartpole),
    "Acrobot-v1": View(-2.2, 2.2, -2.2, 2.2, _acrobot),
    "Pendulum-v1": View(-1.3, 1.3, -1.3, 1.3, _pendulum),
    "MountainCarContinuous-v0": View(-1.2, 0.6, 0.0, 1.2, _mountain_car),
}
"""How each environment is drawn."""
