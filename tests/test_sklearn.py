"""`microgradient.sklearn`'s multilayer perceptrons: scikit-learn's numbers, its rules, and files without pickle."""

import json
import pickle
import subprocess
import sys
import warnings

import numpy as np
import pandas
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays as numpy_arrays
from scipy import sparse
from sklearn import neural_network as theirs
from sklearn.base import clone
from sklearn.datasets import load_iris, make_multilabel_classification
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_checks

from microgradient import random
from microgradient import sklearn as ours
from microgradient.errors import ArgumentTypeError, DataError
from microgradient.sklearn.learner import Learner
from microgradient.sklearn.saving import plain, restored

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
X, Y = load_iris(return_X_y=True)
X = X / X.max(axis=0)
NUMBERS = np.stack([X[:, 0] - X[:, 2], X[:, 1] * X[:, 3]], axis=1)


def passed(estimator, expected=None):
    """The names of scikit-learn's checks that an estimator passes; none may fail that isn't `expected` to."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = estimator_checks.check_estimator(estimator, on_fail=None, expected_failed_checks=expected)
    assert [r["check_name"] for r in results if r["status"] == "failed"] == []
    return {r["check_name"] for r in results if r["status"] == "passed"}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["MLPClassifier", "MLPRegressor"])
def test_as_many_checks_pass_as_of_scikit_learns_own(name):
    assert passed(getattr(ours, name)()) >= passed(getattr(theirs, name)())


@pytest.mark.parametrize(
    "check", ["check_no_attributes_set_in_init", "check_parameters_default_constructible", "check_dict_unchanged",
              "check_estimators_unfitted", "check_estimators_nan_inf", "check_estimator_sparse_array",
              "check_all_zero_sample_weights_error", "check_n_features_in", "check_mixin_order", "check_valid_tag_types"],
)  # fmt: skip
@pytest.mark.parametrize("kind", [ours.MLPClassifier, ours.MLPRegressor])
def test_some_of_scikit_learns_checks(kind, check):
    estimator = kind((3,), max_iter=2) if kind is ours.MLPClassifier else kind(hidden_layer_sizes=(3,), max_iter=2)
    getattr(estimator_checks, check)(kind.__name__, estimator)


def test_parameters_and_their_defaults_are_scikit_learns():
    for name in ("MLPClassifier", "MLPRegressor"):
        mine, reference = getattr(ours, name)(), getattr(theirs, name)()
        assert mine.get_params() == reference.get_params()
        assert mine._parameter_constraints.keys() == reference._parameter_constraints.keys() - {"loss"} | (
            {"loss"} if name == "MLPRegressor" else set()
        )
    assert ours.MLPRegressor("poisson").loss == "poisson"  # by position, too
    assert ours.MLPClassifier((3,), "tanh").activation == "tanh"
    with pytest.raises(ValueError, match="'alpha' parameter of MLPClassifier must be a float in the range"):
        ours.MLPClassifier(alpha=-1.0).fit(X, Y)


SETTINGS = [
    {"solver": "adam"},
    {"solver": "adam", "batch_size": 32, "alpha": 0.3, "activation": "tanh", "epsilon": 1e-3},
    {"solver": "sgd", "nesterovs_momentum": False, "shuffle": False, "activation": "logistic"},
    {"solver": "sgd", "learning_rate": "adaptive", "tol": 0.5, "n_iter_no_change": 2, "learning_rate_init": 0.1},
    {"solver": "sgd", "learning_rate": "invscaling", "learning_rate_init": 0.1, "activation": "identity"},
    {"solver": "lbfgs", "alpha": 0.01},
]


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda s: "-".join(map(str, s.values())))
def test_coefficients_and_losses_are_scikit_learns(settings):
    """From the same random state: the same first weights, batches, steps and losses."""
    weights = np.linspace(0.5, 1.5, len(X))
    for name, y in (("MLPClassifier", Y), ("MLPRegressor", NUMBERS[:, 0])):
        given = {"hidden_layer_sizes": (5, 4), "max_iter": 12, "random_state": 3, **settings}
        mine, reference = (getattr(m, name)(**given).fit(X, y, sample_weight=weights) for m in (ours, theirs))
        assert (mine.n_iter_, mine.t_, mine.n_layers_, mine.out_activation_) == (
            reference.n_iter_, reference.t_, reference.n_layers_, reference.out_activation_)  # fmt: skip
        assert mine.loss_ == pytest.approx(reference.loss_, rel=1e-9)
        for attribute in ("coefs_", "intercepts_"):
            for a, b in zip(getattr(mine, attribute), getattr(reference, attribute), strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-7, atol=1e-9)
        if settings["solver"] != "lbfgs":
            np.testing.assert_allclose(mine.loss_curve_, reference.loss_curve_, rtol=1e-9)
            assert mine.best_loss_ == pytest.approx(reference.best_loss_, rel=1e-9)
        np.testing.assert_allclose(mine.predict(X), reference.predict(X), rtol=1e-6, atol=1e-8)


def test_several_outputs_are_scikit_learns():
    """Their loss is the mean over the outputs, and what they descend is the sum."""
    given = {"hidden_layer_sizes": (6,), "max_iter": 10, "random_state": 1}
    for loss in ("squared_error", "poisson"):
        mine, reference = (m.MLPRegressor(loss, **given).fit(X, NUMBERS**2) for m in (ours, theirs))
        np.testing.assert_allclose(mine.loss_curve_, reference.loss_curve_, rtol=1e-9)
        np.testing.assert_allclose(mine.predict(X), reference.predict(X), rtol=1e-9)
    labels = make_multilabel_classification(150, 4, n_classes=3, random_state=0)[1]
    mine, reference = (m.MLPClassifier(**given).fit(X, labels) for m in (ours, theirs))
    np.testing.assert_allclose(mine.predict_proba(X), reference.predict_proba(X), rtol=1e-9)
    assert np.array_equal(mine.predict(X), reference.predict(X))


def test_the_generator_of_mg_is_left_alone():
    before = random.get_state()
    ours.MLPClassifier((3,), max_iter=1).fit(X, Y)
    assert random.get_state() == before


def test_early_stopping_keeps_the_best_epoch():
    given = {
        "hidden_layer_sizes": (8,),
        "early_stopping": True,
        "random_state": 0,
        "max_iter": 40,
        "n_iter_no_change": 3,
    }
    for name, y in (("MLPClassifier", Y % 2), ("MLPRegressor", NUMBERS[:, 1])):
        mine, reference = (getattr(m, name)(learning_rate_init=0.05, **given).fit(X, y) for m in (ours, theirs))
        np.testing.assert_allclose(mine.validation_scores_, reference.validation_scores_, rtol=1e-9)
        assert mine.best_validation_score_ == max(mine.validation_scores_)
        np.testing.assert_allclose(mine.coefs_[0], reference.coefs_[0], rtol=1e-9)


def test_ctrl_c_keeps_what_was_learnt(monkeypatch, capsys):
    plain = Learner.step

    def step(self, *batch):
        if self.optimizer.state_dict()["state"].get(0, {}).get("step") == 3:
            raise KeyboardInterrupt
        return plain(self, *batch)

    monkeypatch.setattr(Learner, "step", step)
    with pytest.warns(UserWarning, match="interrupted"):
        model = ours.MLPClassifier((3,), random_state=0, verbose=True).fit(X, Y)
    assert model.n_iter_ == len(model.loss_curve_) == 3
    assert f"Iteration 3, loss = {model.loss_:.8f}" in capsys.readouterr().out
    monkeypatch.undo()
    same = ours.MLPClassifier((3,), random_state=0, max_iter=3).fit(X, Y)
    assert np.array_equal(same.coefs_[0], model.coefs_[0])


def test_penalty_is_half_alpha_of_the_weights_over_the_rows():
    model = ours.MLPClassifier((4,), solver="lbfgs", alpha=0.0, random_state=0, max_iter=5).fit(X, Y)
    learner, truth = model._learner, np.eye(3)[Y]
    weights = np.full(len(X), 2.0)
    losses = []
    for learner.alpha in (0.0, 0.7):
        losses.append(learner.loss(X, truth, weights))
    squares = sum(float((w**2).sum()) for w in model.coefs_)
    assert losses[1] - losses[0] == pytest.approx(0.5 * 0.7 * squares / 300, rel=1e-9)


def test_a_weight_of_two_is_the_row_twice():
    rows = np.concatenate([np.arange(150), np.arange(50)])
    weights = np.bincount(rows).astype(float)
    given = {"hidden_layer_sizes": (4,), "random_state": 0, "max_iter": 15, "solver": "lbfgs"}
    twice, weighed = ours.MLPClassifier(**given).fit(X[rows], Y[rows]), ours.MLPClassifier(**given)
    weighed.fit(X, Y, sample_weight=weights)
    np.testing.assert_allclose(twice.predict_proba(X), weighed.predict_proba(X), rtol=1e-6)


def test_a_batch_without_weight_changes_nothing():
    weights = np.zeros(150)
    weights[:10] = 1
    model = ours.MLPClassifier((4,), batch_size=10, random_state=0, max_iter=3, shuffle=False).fit(X, Y, weights)
    assert np.isfinite(model.predict_proba(X)).all()


def test_probabilities_sum_to_one_and_agree_with_the_classes():
    for y in (Y, np.array(["a", "b"])[Y % 2]):
        model = ours.MLPClassifier((4,), random_state=0, max_iter=3).fit(X.astype(np.float32), y)
        said = model.predict_proba(X)
        np.testing.assert_allclose(said.sum(axis=1), 1, rtol=1e-6)
        assert said.dtype == model.coefs_[0].dtype == np.float32
        assert np.array_equal(model.classes_[said.argmax(axis=1)], model.predict(X))
        np.testing.assert_array_equal(model.predict_log_proba(X), np.log(said))


def test_partial_fit_is_scikit_learns():
    given = {"hidden_layer_sizes": (5,), "random_state": 0}
    mine, reference = ours.MLPClassifier(**given), theirs.MLPClassifier(**given)
    for model in (mine, reference):
        model.partial_fit(X[:50], Y[:50], classes=[0, 1, 2])
        for part in (slice(50, 100), slice(100, 150)):
            model.set_params(alpha=2.0).partial_fit(X[part], Y[part])  # a compiled step must not keep the old one
    np.testing.assert_allclose(mine.predict_proba(X), reference.predict_proba(X), rtol=1e-9)
    with pytest.raises(ValueError, match="y has"):
        mine.partial_fit(X, Y + 1)
    with pytest.raises(ValueError, match="classes"):
        ours.MLPClassifier().partial_fit(X, Y)
    with pytest.raises(ValueError, match="early_stopping"):
        ours.MLPRegressor(early_stopping=True).partial_fit(X, Y)
    assert not hasattr(ours.MLPRegressor(solver="lbfgs"), "partial_fit")


def test_a_warm_start_goes_on():
    given = {"hidden_layer_sizes": (5,), "random_state": 0, "warm_start": True, "max_iter": 4}
    mine, reference = ours.MLPRegressor(**given), theirs.MLPRegressor(**given)
    for _ in range(2):
        mine.fit(X, NUMBERS[:, 0])
        reference.fit(X, NUMBERS[:, 0])
    assert len(mine.loss_curve_) == 8
    np.testing.assert_allclose(mine.loss_curve_, reference.loss_curve_, rtol=1e-9)
    with pytest.raises(ValueError, match=r"\[4, 5, 1\].*\[4, 6, 1\]"):
        mine.set_params(hidden_layer_sizes=(6,)).fit(X, NUMBERS[:, 0])
    model = ours.MLPClassifier((3,), warm_start=True, max_iter=2, random_state=0).fit(X, Y)
    with pytest.raises(ValueError, match="The classes were"):
        model.fit(X, np.minimum(Y, 1))
    model.set_params(solver="lbfgs", early_stopping=True).fit(X, Y)
    model.set_params(solver="adam").fit(X, Y)
    assert len(model.validation_scores_) == len(model.loss_curve_) == 2


def test_bad_inputs_are_refused_in_scikit_learns_words():
    broken = X.copy()
    broken[3, 1] = np.nan
    with pytest.raises(ValueError, match="Input X contains NaN"):
        ours.MLPClassifier().fit(broken, Y)
    with pytest.raises(ValueError, match="contains infinity"):
        ours.MLPRegressor().fit(np.where(np.isnan(broken), np.inf, broken), Y)
    with pytest.raises(NotFittedError):
        ours.MLPClassifier().predict(X)
    with pytest.raises(ValueError, match="non-finite parameter weights"):
        ours.MLPRegressor(solver="sgd", learning_rate_init=1e3, max_iter=20).fit(1e150 * X, NUMBERS[:, 0])
    with pytest.raises(ValueError, match="at least 0"):
        ours.MLPRegressor("poisson").fit(X, -Y)
    with pytest.warns(ConvergenceWarning, match="max_iter=2"):
        model = ours.MLPClassifier((3,), max_iter=2).fit(X, Y)
    with pytest.raises(ValueError, match="X has 2 features, but MLPClassifier is expecting 4"):
        model.predict(X[:, :2])


def test_dates_and_sizes_that_are_no_whole_numbers_are_refused():
    days = pandas.date_range("2020-01-01", periods=20)
    rows, y = np.arange(40.0).reshape(20, 2), np.arange(20) % 2
    for times in (days.to_numpy()[:, None], pandas.DataFrame({"a": days}), (days - days[0]).to_numpy()[:, None]):
        for kind in (ours.MLPClassifier, ours.MLPRegressor):
            with pytest.raises(TypeError, match=r"X holds \S+, and numbers are needed, such as days"):
                kind().fit(times, y)
    with pytest.raises(TypeError, match="y holds datetime64"):
        ours.MLPRegressor().fit(rows, days)
    with pytest.raises(TypeError, match="X holds datetime64"):
        ours.MLPRegressor(max_iter=1, solver="lbfgs").fit(rows, y).predict(days.to_numpy().reshape(10, 2))
    for sizes in ((2.5,), 2.5, [[3], [4]], "3"):
        with pytest.raises(ValueError, match="hidden_layer_sizes"):
            ours.MLPRegressor(hidden_layer_sizes=sizes).fit(rows, y)
    assert len(ours.MLPRegressor(hidden_layer_sizes=(), solver="lbfgs").fit(rows, y).coefs_) == 1


def test_classes_that_are_times_are_saved(tmp_path):
    days = np.array(["2020-01-31", "2021-05-01"], "datetime64[D]")
    rows = np.arange(20.0)[:, None] - 9.5
    model = ours.MLPClassifier((4,), solver="lbfgs", random_state=0).fit(rows, days[(rows[:, 0] > 0).astype(int)])
    model.save(tmp_path / "m")
    again = ours.load(tmp_path / "m")
    assert again.classes_.dtype == days.dtype
    assert np.array_equal(again.predict(rows), model.predict(rows))


def test_in_pipelines_and_grids():
    frame = pandas.DataFrame(X, columns=["a", "b", "c", "d"])
    search = GridSearchCV(
        make_pipeline(StandardScaler(), ours.MLPClassifier((4,), solver="lbfgs", max_iter=10, random_state=0)),
        {"mlpclassifier__alpha": [1e-4, 100.0]}, cv=2,
    ).fit(frame, Y)  # fmt: skip
    assert search.best_params_ == {"mlpclassifier__alpha": 1e-4}
    model = ours.MLPClassifier((3,), max_iter=1).fit(frame, Y)
    assert list(model.feature_names_in_) == ["a", "b", "c", "d"]
    assert clone(model).get_params() == model.get_params()
    sparse_model = clone(model).set_params(random_state=0).fit(sparse.csr_matrix(X), Y)
    dense_model = clone(model).set_params(random_state=0).fit(X, Y)
    assert np.array_equal(sparse_model.predict_proba(sparse.csr_matrix(X)), dense_model.predict_proba(X))


def test_saved_without_pickle_and_read_again(tmp_path):
    labels = sparse.csr_matrix((NUMBERS > 0).astype(int))
    names = np.array(["x", "y", "z"], dtype=object)[Y]
    for kind, y in (("MLPClassifier", names), ("MLPClassifier", labels), ("MLPRegressor", NUMBERS)):
        model = getattr(ours, kind)(hidden_layer_sizes=(4, 3), max_iter=3, random_state=0).fit(X, y)
        model.save(tmp_path / "model")
        again, pickled = ours.load(tmp_path / "model"), pickle.loads(pickle.dumps(model))
        assert again.get_params() == model.get_params()
        assert again.loss_curve_ == model.loss_curve_
        for other in (again, pickled):
            for method in ("predict", "predict_proba"):
                if hasattr(model, method):
                    said, saying = getattr(model, method)(X), getattr(other, method)(X)
                    assert type(said) is type(saying)
                    assert (said != saying).sum() == 0
            other.partial_fit(X, y)
        model.partial_fit(X, y)  # the optimiser's state is there, too
        for a, b, c in zip(model.coefs_, again.coefs_, pickled.coefs_, strict=True):
            assert np.array_equal(a, b)
            assert np.array_equal(a, c)


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | numpy_arrays(st.sampled_from(["f8", "i4", "?"]), (2,)),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.integers() | st.text(), inner),
    max_leaves=8,
)


@given(PLAIN)
@example({1: np.ones(1), "1": np.zeros(1), "a.b": np.ones(2), "a": {"b": np.zeros(2)}})
def test_what_is_made_plain_is_made_again(value):
    arrays = {}
    again = restored(json.loads(json.dumps(plain({"": value}, "x", arrays))), arrays)[""]
    assert len(arrays) == repr(value).count("array(")
    assert repr(again) == repr(value)


def test_files_that_hold_no_estimator_are_refused_in_a_sentence(tmp_path):
    model = ours.MLPClassifier((3,), max_iter=1).fit(X, Y)
    model.save(tmp_path / "m")
    content = (tmp_path / "m").read_bytes()
    swaps = {b"MLPClassifier": b"MLPClassifies", b"_learner": b"_earners", b"softmax": b"hardmax", b"classes_": b"klasses_",
             b'n_outputs_\\", 3': b'n_outputs_\\", 4', b"estimator": b"estimates"}  # fmt: skip
    changed = [content.replace(old, new) for old, new in swaps.items()]
    for bad in (content[:-1], b"", b"{}" * 20, *changed):
        assert bad != content
        (tmp_path / "bad").write_bytes(bad)
        with pytest.raises(DataError, match="MG185"):
            ours.load(tmp_path / "bad")
    with pytest.raises(DataError, match="Can't read"):
        ours.load(tmp_path / "none")
    with pytest.raises(DataError, match="MG186"):
        model.save(tmp_path / "no" / "folder")
    with pytest.raises(NotFittedError):
        ours.MLPClassifier().save(tmp_path / "m")
    with pytest.raises(ArgumentTypeError, match="random_state is a RandomState, which"):
        model.set_params(random_state=np.random.RandomState(0)).save(tmp_path / "m")


def test_without_scikit_learn_the_extra_is_named():
    code = "import sys; sys.modules['sklearn'] = None\nimport microgradient\ntry: import microgradient.sklearn\n" \
           "except ModuleNotFoundError as error: print(error)"  # fmt: skip
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "pip install 'microgradient[sklearn]'" in out.stdout
