"""`recommend`: the forms that ratings come in, the baselines, a head for ratings and one for choices."""

import numpy as np
import pytest
from properties import built, check_overfits, check_predicts, check_resumes, trained

import microgradient as mg
from microgradient.data.ratings import Ratings, Side, make_ratings, read_ratings
from microgradient.errors import ArgumentError, DataError
from microgradient.recipes.recommend_baseline import factorize, recall_at

HEADERS = {
    "u.data": ("", "\t"),
    "ratings.csv": ("userId,movieId,rating,timestamp\n", ","),
    "ratings.dat": ("", "::"),
    "ml.inter": ("user_id:token\titem_id:token\trating:float\ttimestamp:float\n", "\t"),
}


@pytest.fixture
def files(tmp_path):
    """600 made ratings, and what is known of users and items."""
    made = make_ratings(0, 40, 30, 600)
    rows = zip(made.user, made.item, made.rating, strict=True)
    (tmp_path / "r.csv").write_text("userId,movieId,rating\n" + "".join(f"u{a},i{b},{c}\n" for a, b, c in rows))
    for name, side in (("users", made.users), ("items", made.items)):
        lines = []
        for key, row in zip(side.ids, side.features, strict=True):
            held = [names for names, there in zip(side.names, row, strict=True) if there]
            lines.append(f"{key},{'|'.join(held)}\n")
        (tmp_path / f"{name}.csv").write_text("id,about\n" + "".join(lines))
    return {
        "ratings": str(tmp_path / "r.csv"),
        "users": str(tmp_path / "users.csv"),
        "items": str(tmp_path / "items.csv"),
    }


@pytest.mark.parametrize("name", HEADERS)
def test_ratings_are_read_in_each_of_movielens_forms(tmp_path, name):
    header, between = HEADERS[name]
    rows = [(k % 7 + 1, k % 5 + 11, k % 3 + 1, 900 + k) for k in range(20)] + [(1, 11, 5, 950)]
    (tmp_path / name).write_text(header + "".join(between.join(map(str, row)) + "\n" for row in rows))
    found = read_ratings(str(tmp_path / name))
    assert found.users.ids == [str(k) for k in range(1, 8)]
    assert found.items.ids == [str(k) for k in range(11, 16)]
    read = {(a + 1, b + 11): c for a, b, c in zip(found.user, found.item, found.rating, strict=True)}
    assert read == {(a, b): c for a, b, c, _ in rows}  # of two the later one


def test_numbers_are_read_with_decimal_commas(tmp_path):
    rows = [(k % 7, k % 5, 1.125 * (k % 4)) for k in range(35)]
    lines = [f"u{a};i{b};{c:.3f}\n".replace(".", ",") for a, b, c in rows]
    (tmp_path / "r.csv").write_text("user;item;rating\n" + "".join(lines))
    weights = [f"u{k};{k}.000,125\n" for k in range(1, 40)]
    (tmp_path / "u.csv").write_text("id;weight\n" + "".join(weights))
    found = read_ratings(str(tmp_path / "r.csv"), users=str(tmp_path / "u.csv"))
    read = {(found.users.ids[a], found.items.ids[b]): float(c)
            for a, b, c in zip(found.user, found.item, found.rating, strict=True)}  # fmt: skip
    assert read == {(f"u{a}", f"i{b}"): c for a, b, c in rows}
    assert found.users.names == [f"weight tenth {k}" for k in range(1, 11)]
    (tmp_path / "u.csv").write_text("id;weight\nu1;2\nu2;3\nu1;4\n")
    with pytest.raises(DataError, match="several rows on 'u1'"):
        read_ratings(str(tmp_path / "r.csv"), users=str(tmp_path / "u.csv"))


def test_files_of_ratings_are_read_with_care(tmp_path):
    path, side = tmp_path / "r.csv", tmp_path / "s.csv"
    rows = "".join(f"u{k % 9},m{k % 7},{k % 5}\n" for k in range(63))

    def read(header="user,item,rating\n", more="", users=""):
        path.write_text(header + rows + more)
        side.write_text(users)
        return read_ratings(str(path), users=str(side) if users else None)

    assert read("User Id,Movie-ID,stars\n").repeated == 0
    assert read(more="u1,m1,4\n" * 3).repeated == 3
    found = read(users="age,user_id\n" + "".join(f"{20 + k % 2},u{k}\n" for k in range(9)))
    assert (found.users.ids[0], found.users.names) == ("u0", ["age 20", "age 21"])
    for given, words in (
        ({"header": "user,user,item,rating\n", "more": ""}, "line 2"),
        ({"more": ",m1,3\n"}, "row 64: there is no user"),
        ({"more": "u1,,3\n"}, "row 64: there is no item"),
        ({"more": "u1,m1,1e39\n"}, r"row 64: 1e\+39 is no rating"),
        (
            {"users": "user,age\nx1,3\nx2,4\n"},
            "none of its users, in the column 'user', such as 'x1', is in the ratings",
        ),
    ):
        with pytest.raises(DataError, match=words):
            read(**given)
    for header in ("user,user,item,rating\n", "user:token,user:float,item,rating\n"):
        path.write_text(header + "a,b,c,3\n" * 60)
        with pytest.raises(DataError, match="more than one column 'user'"):
            read_ratings(str(path))


def test_what_is_known_is_categories_several_of_them_and_tenths(tmp_path):
    (tmp_path / "r.csv").write_text("user,item,rating\n" + "".join(f"{k},a,3\n" for k in range(100)))
    cells = [f"{k},{'x|y' if k % 2 else 'x'},{k * 1.5},title {k}\n" for k in range(101)]
    (tmp_path / "u.csv").write_text("id,genres,age,title\n" + "".join(cells))
    users = read_ratings(str(tmp_path / "r.csv"), users=str(tmp_path / "u.csv")).users
    assert users.ids == [str(k) for k in range(101)]
    assert users.names[:2] == ["genres x", "genres y"]
    assert [name for name in users.names if name.startswith("age")] == [f"age tenth {k}" for k in range(1, 11)]
    assert users.features[:3, :2].tolist() == [[1, 0], [1, 1], [1, 0]]
    assert users.features[:, 2:12].sum(axis=0).tolist() == [10] * 5 + [10] * 4 + [11]
    assert (users.features[:, 2:12].sum(axis=1) == 1).all()


def test_factorization_finds_a_matrix_of_its_form():
    draw = np.random.default_rng(0)
    p, q = draw.normal(size=(60, 3)), draw.normal(size=(50, 3))
    whole = 3 + p[:, :1] + q[:, :1].T + p[:, 1:] @ q[:, 1:].T
    user, item = (places.ravel() for places in np.indices(whole.shape))
    ids = [Side([str(k) for k in range(n)], [], np.zeros((n, 0), np.float32)) for n in whole.shape]
    order = draw.permutation(whole.size)
    said = factorize(Ratings(*ids, user, item, whole.ravel().astype(np.float32)), order[:2400], 0.1)
    assert np.sqrt(np.mean((said - whole.ravel())[order[2400:]] ** 2)) < 0.15


def test_recall_is_the_share_of_the_wanted_among_the_new_ones():
    draw = np.random.default_rng(1)
    scores, known, wanted = (
        draw.normal(size=(6, 20)),
        draw.uniform(size=(6, 20)) < 0.3,
        draw.uniform(size=(6, 20)) < 0.3,
    )
    wanted &= ~known
    expected = []
    for s, k, w in zip(scores, known, wanted, strict=True):
        top = sorted(np.flatnonzero(~k), key=lambda i: -s[i])[:5]
        expected.append(w[top].sum() / w.sum())
    assert recall_at(5, scores, known, wanted) == pytest.approx(np.mean(expected))


def test_a_rating_does_not_depend_on_having_been_given(files):
    """In training a user's own rating is left out of what the user rated: with it or without, the factors are the same."""
    recipe = built("recommend", **files)
    users, items, _ = recipe.batch(np.arange(20))
    assert (recipe.model.history.data[users.data, items.data] == 1).all()
    with recipe.predictor.inference():
        before = recipe.model.user_factors(users, items).data
        for k in range(20):
            recipe.model.history.data[users.data[k], items.data[k]] = 0
            after = recipe.model.user_factors(users[k : k + 1], items[k : k + 1]).data
            np.testing.assert_allclose(after[0], before[k], rtol=1e-4, atol=1e-6)
            recipe.model.history.data[users.data[k], items.data[k]] = 1


def test_nothing_held_out_is_in_the_history(files):
    recipe = built("recommend", **files)
    given, history = recipe.given, recipe.model.history.data[1:, 1:]
    for part, there in ((recipe.training, 1), (recipe.validating, 0), (recipe.test, 0)):
        assert (history[given.user[part], given.item[part]] == there).all()
    recipe.options = recipe.options.__class__(**{**recipe.options.as_dict(), "lr": 0.03})
    recipe.model.dropout.p = 0.0
    ratings = recipe.model
    before = float(
        np.mean((ratings(*recipe.batch(np.arange(32))[:2])[0].data - recipe.batch(np.arange(32))[2].data) ** 2)
    )
    check_overfits(recipe, np.arange(32), 100, 0.7)
    recipe.model.eval()
    users, items, truth = recipe.batch(np.arange(32))
    assert np.mean((ratings(users, items)[0].data - truth.data) ** 2) < 0.1 * before


def test_recommend_resumes_predicts_and_refuses(tmp_path, files):
    session = check_resumes("recommend", tmp_path, **files)
    check_predicts(session, {"user": ["u1", "u2", "?"], "item": ["i3", "?", "i3"]})
    check_predicts(session, {"user": ["u1", "?"]})
    predictor = mg.load(session.folder.path)
    inputs = predictor.read(["u1", "nobody"])
    predicted = predictor.predict(inputs)
    assert predictor.notes == [
        "1 user not known from training, such as 'nobody': taken as one of whom nothing is known"
    ]
    header, _ = predictor.rows(inputs, predicted)
    assert header == ["user", "rank", "item"]
    place = predictor.places[0]["u1"]
    rated = {predictor.items[k] for k in np.flatnonzero(predictor.model.history.data[place, 1:])}
    assert not rated & set(predicted["items"][0])
    assert len(predicted["items"][1]) == 10
    recipe = session.recipe
    held_out = tmp_path / "held_out.csv"
    given = recipe.given
    lines = [
        f"{given.users.ids[given.user[k]]},{given.items.ids[given.item[k]]},{given.rating[k]}\n" for k in recipe.test
    ]
    held_out.write_text("user,item,rating\n" + "".join(lines))
    assert predictor.evaluate(str(held_out))[0].value == session.folder.run.result["RMSE"]
    assert predictor.read([str(held_out)])["item"][0] == lines[0].split(",")[1]
    with pytest.raises(DataError, match="One CSV file is needed, not 2"):
        predictor.read([str(held_out), "u1"])
    assert predictor.read(["u.5", "u1"]) == {"user": ["u.5", "u1"], "item": None}
    with pytest.raises(DataError, match=r"There is no file .*none\.csv"):
        predictor.read([str(tmp_path / "none.csv")])
    (tmp_path / "few.csv").write_text("user,item,rating\na,b,3\na,c,4\n")
    (tmp_path / "words.csv").write_text("user,item,rating\na,b,good\n")
    (tmp_path / "two.csv").write_text("user,item\na,b\n")
    (tmp_path / "uneven.dat").write_text("1::2::3\n1::2\n")
    for name, words in (
        ("few", "has 2 ratings"),
        ("words", "row 1, column 'rating': 'good'"),
        ("two", "needs the columns"),
    ):
        with pytest.raises(DataError, match=words):
            built("recommend", ratings=str(tmp_path / f"{name}.csv"))
    (tmp_path / "who.csv").write_text("who,what\na,b\n")
    with pytest.raises(DataError, match="lacks a column user: its header names who, what"):
        predictor.read([str(tmp_path / "who.csv")])
    with pytest.raises(DataError, match="line 2: it has not 3 fields"):
        built("recommend", ratings=str(tmp_path / "uneven.dat"))
    with pytest.raises(ArgumentError, match="name it with --ratings"):
        built("recommend", users="u.csv")


@pytest.mark.slow
def test_recommendations_are_better_than_both_baselines(tmp_path):
    result = trained("recommend", tmp_path / "r", epochs=5).folder.run.result
    assert result["RMSE"] < result["baseline_RMSE"]
    assert result["recall@10"] > result["popularity_recall@10"]
