"""`TableClassifier` and `TableRegressor`: what the command line learns from a file, learnt from data frames and arrays."""

import os
import pickle
import signal
import warnings
from datetime import date
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas
import polars
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import estimator_checks

import microgradient as mg
from microgradient.data.columns import understand
from microgradient.data.csv_file import read_csv
from microgradient.data.frames import frame_columns
from microgradient.data.table import read_table
from microgradient.errors import ArgumentTypeError, DataError, MicrogradientWarning, NonFiniteError
from microgradient.sklearn import TableClassifier, TableRegressor, load
from microgradient.tables import TableLearner
from test_sklearn import passed, theirs

ROWS = 120


def mixed_columns():
    """Columns of every kind, some cells missing, the numbers exact in a few decimals."""
    draw = np.random.default_rng(0)
    size = np.round(draw.normal(size=ROWS) * 8) / 8
    colour = draw.choice(["red", "green", "blue"], ROWS).astype(object)
    price = np.round(16 * (3 * size + 5 * (colour == "green"))) / 16
    words = np.array(["slow", "quick", "brown", "lazy", "fox", "dog", "cat"])
    columns = {
        "size": np.where(draw.random(ROWS) < 0.1, np.nan, size),
        "colour": np.where(draw.random(ROWS) < 0.1, None, colour).tolist(),
        "shop_id": draw.integers(1, 6, ROWS),
        "new": draw.random(ROWS) < 0.5,
        "sold": np.datetime64("2020-01-01T00:00:00", "ms") + draw.integers(0, 9000, ROWS).astype("timedelta64[h]"),
        "note": [" ".join(draw.choice(words, 5)) for _ in range(ROWS)],
        "count": draw.integers(0, 9, ROWS),
    }  # fmt: skip
    return columns, price, np.where(price > 1, "high", np.where(price > -1, "mid", "low"))


COLUMNS, PRICE, GRADE = mixed_columns()
FRAME = pandas.DataFrame(COLUMNS).astype({"colour": "category"})
QUICK = {"max_iter": 2, "random_state": 3}


def as_trained_by_the_command(run, kind, answers, *words):
    """The probabilities or numbers that a run folder of the same table predicts, and those of the estimator on the same rows."""
    FRAME.assign(**answers).to_csv("t.csv", index=False)
    target = ",".join(answers)
    code, _, error = run(
        "train", "t.csv", "--epochs", 2, "--seed", 3, "--target", target, "--task", kind.task, "--out", "r", *words
    )
    assert code == 0, error
    table = read_table(Path("t.csv"), target, 3, task=kind.task)
    loaded = mg.load("r")
    expected = loaded.probabilities(read_csv(Path("t.csv")).columns)
    rows = table.training
    y = pandas.DataFrame(answers) if len(answers) > 1 else next(iter(answers.values()))
    return expected, rows, (y.iloc[rows] if len(answers) > 1 else y[rows])


@pytest.mark.parametrize(
    ("kind", "answers", "words", "given"),
    [
        (TableClassifier, {"grade": GRADE}, ("--class-weight", "balanced"), {"class_weight": "balanced"}),
        pytest.param(
            TableClassifier, {"stars": (PRICE > 0) + 3}, ("--model", "mlp"), {"model": "mlp"}, marks=pytest.mark.slow
        ),
        pytest.param(
            TableRegressor, {"price": PRICE}, ("--valid", "0.25"), {"validation_fraction": 0.25}, marks=pytest.mark.slow
        ),
        (TableRegressor, {"price": PRICE, "half": PRICE / 2}, (), {}),
    ],
    ids=["classes", "numbers-as-classes", "number", "two-numbers"],
)
def test_the_same_bits_as_the_command_line(run, kind, answers, words, given):
    expected, rows, y = as_trained_by_the_command(run, kind, answers, *words)
    model = kind(**QUICK, **given).fit(FRAME.iloc[rows], y)
    said = np.concatenate(model._outputs(FRAME), axis=1)
    assert said.tobytes() == expected.tobytes()


def test_frames_of_polars_are_those_of_pandas(classifier):
    frame = polars.DataFrame(COLUMNS)
    for mine, same in zip(frame_columns(frame).values(), frame_columns(FRAME).values(), strict=True):
        np.testing.assert_array_equal(mine, same)
    assert np.array_equal(classifier.predict_proba(frame), classifier.predict_proba(FRAME))
    model = TableRegressor(model="mlp", **QUICK).fit(frame[["size", "count"]], polars.Series("price", PRICE))
    pandas_model = TableRegressor(model="mlp", **QUICK).fit(
        FRAME[["size", "count"]], pandas.Series(PRICE, name="price")
    )
    assert np.array_equal(model.predict(frame), pandas_model.predict(FRAME))


def test_defaults_are_the_commands():
    options = TableRegressor(random_state=0)._options()
    from microgradient.recipes import TableRecipe

    assert {**options.as_dict(), "task": None} == {**TableRecipe.defaults.as_dict(), "seed": 0}


@pytest.fixture(scope="module")
def classifier():
    return TableClassifier(**QUICK).fit(FRAME, GRADE)


def test_columns_go_by_name(classifier):
    expected = classifier.predict_proba(FRAME)
    backwards = FRAME[FRAME.columns[::-1]].assign(more=1)
    assert np.array_equal(classifier.predict_proba(backwards), expected)
    assert list(classifier.feature_names_in_) == list(FRAME.columns)
    with pytest.raises(DataError, match=r"'colour'.*missing: there are .*did you mean 'color'"):
        classifier.predict(FRAME.rename(columns={"colour": "color"}))
    with pytest.raises(DataError, match="more than one column 'size'"):
        TableClassifier().fit(pandas.concat([FRAME, FRAME[["size"]]], axis=1), GRADE)
    purple = FRAME.assign(colour="purple")
    with pytest.warns(MicrogradientWarning, match="'colour': purple not among the training rows, all zeros"):
        assert np.isfinite(classifier.predict_proba(purple)).all()
    with pytest.warns(
        MicrogradientWarning, match="'size': 'big' in row 1, .* is no finite number .*: taken as missing"
    ):
        classifier.predict(FRAME.astype({"size": object}).replace({"size": {FRAME["size"][0]: "big"}}))
    assert any("free text" in note for note in classifier.notes_)


def test_arrays_go_by_place():
    frame = FRAME[["size", "colour", "new"]]
    array = frame.to_numpy(dtype=object)
    model = TableClassifier(**QUICK).fit(array, GRADE)
    assert np.array_equal(model.predict_proba(array), model.predict_proba(frame.set_axis(range(3), axis=1)))
    assert (model.predict(array) == GRADE).mean() > 0.6
    with pytest.raises(ValueError, match="X has 2 features, but TableClassifier is expecting 3"):
        model.predict(array[:, :2])
    array[0, 1] = {"a": 1}
    with pytest.raises(ArgumentTypeError, match=r"column 'x1' is a dict.*MG147"):
        model.predict(array)
    with pytest.raises(ValueError, match="X contains infinity"):
        TableRegressor().fit(np.full((20, 2), np.inf), np.arange(20.0))


def test_classes_are_what_y_has(classifier):
    assert classifier.classes_.tolist() == ["high", "low", "mid"]
    said = classifier.predict_proba(FRAME)
    np.testing.assert_allclose(said.sum(axis=1), 1, rtol=1e-12)
    assert np.array_equal(classifier.classes_[said.argmax(axis=1)], classifier.predict(FRAME))
    for y in (GRADE == "high", np.where(GRADE == "high", "NA", "none"), np.where(GRADE == "high", -1.0, 2.0)):
        model = TableClassifier(model="mlp", **QUICK).fit(FRAME[["size", "colour"]], y)
        assert model.predict(FRAME).dtype == y.dtype
        assert (model.predict(FRAME) == y).mean() > 0.6
    several = np.stack([GRADE == "high", PRICE > -1], axis=1).astype(int)
    model = TableClassifier(model="mlp", **QUICK).fit(FRAME[["size", "colour"]], several)
    assert model.predict(FRAME).shape == several.shape
    assert [part.shape for part in model.predict_proba(FRAME)] == [(ROWS, 2), (ROWS, 2)]
    with pytest.raises(ValueError, match="grade has no answer in row 2"):
        TableClassifier().fit(FRAME, pandas.Series([None if k == 2 else str(k % 3) for k in range(ROWS)], name="grade"))
    with pytest.raises(ValueError, match="one class"):
        TableClassifier().fit(FRAME, np.ones(ROWS))


@pytest.mark.slow
def test_weights_count():
    frame = FRAME[["size", "colour"]]
    model = TableClassifier(**QUICK).fit(frame, GRADE, sample_weight=np.where(GRADE == "low", 50.0, 1.0))
    assert (model.predict(FRAME) == "low").sum() > (
        TableClassifier(**QUICK).fit(FRAME, GRADE).predict(FRAME) == "low"
    ).sum()
    kept = np.arange(ROWS) % 4 > 0
    left_out = TableRegressor(**QUICK).fit(frame, PRICE, sample_weight=kept.astype(float))
    assert np.array_equal(left_out.predict(frame), TableRegressor(**QUICK).fit(frame[kept], PRICE[kept]).predict(frame))
    rare = (GRADE == "low") & (np.arange(ROWS) % 3 > 0)  # how often a class is there is counted without these
    balanced = [TableClassifier(**QUICK, class_weight="balanced") for _ in range(2)]
    balanced[0].fit(frame, GRADE, sample_weight=(~rare).astype(float))
    balanced[1].fit(frame[~rare], GRADE[~rare])
    assert np.array_equal(*(model.predict_proba(frame) for model in balanced))
    with pytest.raises(ValueError, match="zero"):
        TableRegressor().fit(FRAME, PRICE, sample_weight=np.zeros(ROWS))


def test_what_is_read_afterwards(classifier):
    assert classifier.n_iter_ == len(classifier.loss_curve_) == len(classifier.validation_losses_) == 2
    assert classifier.best_loss_ == min(classifier.validation_losses_)
    assert classifier.n_features_in_ == 7
    state = mg.random.get_state()
    TableRegressor(max_iter=1).fit(FRAME[["size", "count"]], PRICE)
    assert mg.random.get_state() == state


def test_early_stopping_uses_the_best_epoch():
    draw = np.random.default_rng(0)
    X, y = draw.normal(size=(60, 3)), draw.normal(size=60)
    model = TableRegressor(random_state=0, max_iter=100, learning_rate_init=0.05).fit(X, y)
    assert model.n_iter_ < 100
    assert model.best_loss_ == min(model.validation_losses_)
    assert np.argmin(model.validation_losses_) < model.n_iter_ - 1


def test_ctrl_c_keeps_the_best_epoch(monkeypatch, capsys):
    plain, epochs = TableLearner.validation, []

    def validation(self):
        epochs.append(1)
        if len(epochs) == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return plain(self)

    monkeypatch.setattr(TableLearner, "validation", validation)
    model = TableRegressor(random_state=0, max_iter=9, verbose=True)
    with pytest.warns(UserWarning, match="interrupted"):
        model.fit(FRAME[["size", "colour"]], PRICE)
    assert 2 <= model.n_iter_ <= 3
    assert "epoch 1/9  loss" in capsys.readouterr().out
    assert model.score(FRAME, PRICE) > 0.5


def test_a_signal_to_terminate_is_the_programs_own(monkeypatch):
    plain, heard = TableLearner.validation, []

    def validation(self):
        os.kill(os.getpid(), signal.SIGTERM)
        return plain(self)

    monkeypatch.setattr(TableLearner, "validation", validation)
    before = signal.signal(signal.SIGTERM, lambda number, _frame: heard.append(number))
    try:
        model = TableRegressor(**QUICK).fit(FRAME[["size", "colour"]], PRICE)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert (model.n_iter_, heard) == (2, [signal.SIGTERM] * 2)


def test_cells_of_every_kind():
    whole = pandas.array([1, None, 3], dtype="Int64")
    found = frame_columns(pandas.DataFrame({
        "whole": whole,
        "text": pandas.array([" a ", None, "c"], dtype="string"),
        "money": [Decimal("1.5"), None, Decimal(2)],
        "long": pandas.to_timedelta([1.5, None, 3.0], unit="D"),
        "zone": pandas.to_datetime(["2020-01-01", None, "2020-02-01"], utc=True),
        "day": [date(2020, 1, 2), None, pandas.NaT],
        "huge": [10**400, -(10**400), None],
        "half": np.ones(3, np.float16),
    }))  # fmt: skip
    np.testing.assert_array_equal(found["whole"], [1, np.nan, 3])
    np.testing.assert_array_equal(found["long"], [1.5, np.nan, 3])
    np.testing.assert_array_equal(found["huge"], [np.inf, -np.inf, np.nan])
    assert found["text"] == ["a", "", "c"]
    assert found["money"] == ["1.5", "", "2"]
    assert found["day"] == ["2020-01-02", "", ""]
    assert found["zone"] == ["2020-01-01 00:00:00+00:00", "", "2020-02-01 00:00:00+00:00"]
    assert found["half"].dtype == np.float16
    read = {name: understand(name, column).kind for name, column in found.items()}
    assert read == {"whole": "number", "text": "category", "money": "number", "long": "number", "zone": "date", "day": "date",
                    "huge": "number", "half": "number"}  # fmt: skip
    model = TableClassifier(max_iter=1, model="mlp").fit(FRAME[["size"]], pandas.Series(whole[[0, 2]].repeat(60)))
    assert model.classes_.tolist() == [1, 3]


def test_weights_that_float32_does_not_hold_count_by_their_ratios():
    frame, weights = FRAME[["size", "count"]], np.arange(ROWS) % 3 + 1.0
    plain, large, small = (
        TableRegressor(**QUICK).fit(frame, PRICE, sample_weight=weights * unit).predict(frame)
        for unit in (1, 2.0**900, 2.0**-900)
    )
    assert np.array_equal(plain, large)
    assert np.array_equal(plain, small)


@pytest.mark.parametrize("weight", [-1, np.nan, np.inf])
def test_class_weights_are_weights(weight):
    with pytest.raises(ValueError, match="class_weight must have finite numbers of at least 0"):
        TableClassifier(**QUICK, class_weight={"low": weight, "mid": 1, "high": 1}).fit(FRAME, GRADE)


def test_a_failed_fit_leaves_what_was_learnt_before():
    frame = FRAME[["size", "count"]]
    model = TableClassifier(**QUICK).fit(frame, GRADE)
    before, classes = model.predict_proba(frame), model.classes_
    with pytest.raises(NonFiniteError, match=r"smaller learning_rate_init than 1e\+300"):
        model.set_params(learning_rate_init=1e300).fit(frame[["size"]], PRICE > 0)
    with pytest.raises(NonFiniteError, match=r"smaller weight_decay than 1e\+300"):
        model.set_params(learning_rate_init=0.002, weight_decay=1e300).fit(frame[["size"]], PRICE > 0)
    assert (model.n_features_in_, model.classes_ is classes) == (2, True)
    assert np.array_equal(model.predict_proba(frame), before)
    fresh = TableClassifier()
    with pytest.raises(ValueError, match="one class"):
        fresh.fit(frame, np.ones(ROWS))
    assert not fresh.__sklearn_is_fitted__()


def test_a_column_without_a_name_and_cells_that_are_too_large(tmp_path):
    size = np.where(np.arange(ROWS) == 3, np.inf, FRAME["count"])
    frame = pandas.DataFrame({"": FRAME["count"], "size": size, "far": np.where(FRAME["count"] > 3, 1e40, np.nan)})
    model = TableRegressor(**QUICK).fit(frame, pandas.Series(PRICE, name=""))
    assert "'size': 'inf' in row 4 is no finite number (up to 1e37): taken as missing" in model.notes_
    assert "'far' left out: it has no number that is not too large in the training rows" in model.notes_
    model.save(tmp_path / "model")
    with warnings.catch_warnings():  # of the same cells
        warnings.simplefilter("ignore")
        assert np.array_equal(load(tmp_path / "model").predict(frame), model.predict(frame))


def test_notes_speak_of_the_users_classes(classifier):
    assert not any("whole numbers" in note for note in classifier.notes_)


def test_dates_are_no_targets_and_names_of_targets_differ():
    days = np.datetime64("2020-01-01") + np.arange(ROWS)
    for y in (days, days - days[0]):
        with pytest.raises(TypeError, match=r"y holds (date|time)[^ ]*\[D\], and numbers are needed, such as days"):
            TableRegressor(**QUICK).fit(FRAME, y)
    with pytest.raises(DataError, match="more than one column 'a'"):
        TableRegressor(**QUICK).fit(FRAME, pandas.DataFrame(np.stack([PRICE, PRICE], 1), columns=["a", "a"]))
    with pytest.raises(ArgumentTypeError, match="collect"):
        TableRegressor(**QUICK).fit(polars.DataFrame({"a": PRICE}).lazy(), PRICE)


def test_in_pipelines_and_grids():
    whole = make_pipeline(FunctionTransformer(lambda frame: frame[["size", "colour"]]), TableRegressor(**QUICK))
    search = GridSearchCV(whole, {"tableregressor__model": ["all", "mlp"]}, cv=2).fit(FRAME, PRICE)
    assert search.best_score_ > 0.5
    assert clone(TableRegressor(**QUICK)).get_params() == TableRegressor(**QUICK).get_params()
    with pytest.raises(ValueError, match="'max_iter' parameter of TableRegressor must be an int"):
        TableRegressor(max_iter=0).fit(FRAME, PRICE)


def test_saved_without_pickle_and_read_again(classifier, tmp_path):
    regressor = TableRegressor(**QUICK).fit(FRAME[["size", "sold"]], np.stack([PRICE, -PRICE], axis=1))
    for model in (classifier, regressor):
        model.save(tmp_path / "model")
        for again in (load(tmp_path / "model"), pickle.loads(pickle.dumps(model))):
            assert np.array_equal(again.predict(FRAME), model.predict(FRAME))
            assert again.get_params() == model.get_params()
            assert again.notes_ == model.notes_
    with pytest.raises(ArgumentTypeError, match=r"Sub can't be saved: .* knows TableRegressor"):
        type("Sub", (TableRegressor,), {})(**QUICK).fit(FRAME[["size"]], PRICE).save(tmp_path / "sub")
    assert not (tmp_path / "sub").exists()
    content = (tmp_path / "model").read_bytes()
    for old, new in {b"networks": b"net_work", b"members": b"member_", b"'": b'"'}.items():
        (tmp_path / "bad").write_bytes(content.replace(old, new))
        with pytest.raises(DataError, match="MG185"):
            load(tmp_path / "bad")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["Classifier", "Regressor"])
def test_as_many_checks_pass_as_of_scikit_learns_own(name):
    """Those that its perceptrons pass and these can't: weights don't stand for rows (of dense arrays or of sparse ones) where
    chance gives each member rows of its own; and NaN is not refused, since cells may be missing.
    """
    lacks = {"check_estimators_nan_inf", "check_sample_weight_equivalence_on_dense_data",
             "check_sample_weight_equivalence_on_sparse_data"}  # fmt: skip
    more = {"Classifier": {"check_class_weight_classifiers", "check_classifier_multioutput"},
            "Regressor": {"check_regressor_multioutput"}}[name]  # fmt: skip
    model = {"Classifier": TableClassifier, "Regressor": TableRegressor}[name](max_iter=2)
    done = passed(model, {"check_sample_weight_equivalence_on_dense_data": "members learn from rows"})
    assert done >= (passed(getattr(theirs, f"MLP{name}")()) - lacks) | more


@pytest.mark.parametrize(
    "check", ["check_no_attributes_set_in_init", "check_parameters_default_constructible", "check_estimators_unfitted",
              "check_estimator_sparse_tag", "check_fit2d_1sample", "check_complex_data", "check_supervised_y_no_nan",
              "check_sample_weights_not_an_array", "check_sample_weights_not_overwritten",
              "check_mixin_order", "check_valid_tag_types", "check_n_features_in"],
)  # fmt: skip
@pytest.mark.parametrize("kind", [TableClassifier, TableRegressor])
def test_some_of_scikit_learns_checks(kind, check):
    getattr(estimator_checks, check)(kind.__name__, kind(max_iter=1, model="mlp"))
