"""CSV files: what is read out of them, what is said about them, and which are refused."""

import contextlib
import encodings.aliases
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from microgradient.data.columns import understand
from microgradient.data.csv_file import read_csv
from microgradient.data.dates import find_date_format
from microgradient.data.features import Schema, learn_encodings
from microgradient.data.numbers import find_number_format
from microgradient.data.split import split
from microgradient.data.table import make_table, read_table
from microgradient.errors import ArgumentError, DataError

ROWS = 40


def written(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "t.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def table(tmp_path: Path, columns: dict[str, list], target: str | None = None, seed: int = 0):
    lines = [",".join(columns), *(",".join(map(str, row)) for row in zip(*columns.values(), strict=True))]
    return read_table(written(tmp_path, "\n".join(lines)), target, seed)


NUMBERS = [round(0.37 * i**1.5, 2) for i in range(ROWS)]
COLOURS = [("red", "green", "blue")[i % 3] for i in range(ROWS)]
Y = [i * 1.25 for i in range(ROWS)]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encode", [str.encode, lambda s: s.encode("utf-8-sig"), lambda s: s.encode("utf-16")])
def test_delimiters_and_unicode_encodings(tmp_path, delimiter, encode):
    text = "\r\n".join(delimiter.join(row) for row in [["größe", "y"], ["1.5", "naïve, yes"], ["2", '"a"']])
    file = read_csv(written(tmp_path, encode(text.replace("naïve, yes", '"naïve, yes"'))))
    assert file.columns == {"größe": ["1.5", "2"], "y": ["naïve, yes", "a"]}
    assert file.delimiter == delimiter


def test_latin1_is_read_and_said(tmp_path):
    file = read_csv(written(tmp_path, "town,y\nUlm,1\nKöln,2\n".encode("latin-1")))
    assert file.columns["town"] == ["Ulm", "Köln"]
    assert file.notes == ["not UTF-8 (byte 0xf6 in line 3): read as Windows-1252 (if that is wrong, say --encoding)"]


def test_quoted_fields_keep_delimiters_and_line_ends(tmp_path):
    file = read_csv(written(tmp_path, 'a,b\n"x, ""y""\nz",2\n\n1,3\n'))
    assert file.columns == {"a": ['x, "y"\nz', "1"], "b": ["2", "3"]}


def test_a_file_without_header_gets_names(tmp_path):
    file = read_csv(written(tmp_path, "1,2\n3,4\n"))
    assert file.columns == {"column_1": ["1", "3"], "column_2": ["2", "4"]}
    assert "only numbers" in file.notes[0]


def test_empty_and_duplicate_names_become_unique(tmp_path):
    file = read_csv(written(tmp_path, "x,,x,x_2,\n1,2,3,4,a\n"))
    assert list(file.columns) == ["x", "column_2", "x_3", "x_2", "column_5"]
    assert len(set(file.columns)) == 5
    assert file.notes == ["the header has 'x' more than once: the later ones are called NAME_2, NAME_3, …"]
    with pytest.raises(DataError, match="more than one column 'x': rename"):
        read_table(written(tmp_path, "x,x,y\n" + "1,2,3\n" * 20), "x", 0)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "is empty"),
        (b" \n\n", "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        (b"a,b\n", "no rows below"),
        (b"a\n1\n2\n", "has one column, 'a'"),
        (b"a,b\n1,2\n1,2,3\n", r"line 3: 3 values, but the header names 2 columns \(separated by commas\)"),
        (b"a;b\n1;2\n1\n", "line 3: 1 value, but the header names 2 columns"),
        (b'a,b\n1,2\n"1,2\n3,4\n', "quotation mark is opened and never closed"),
        (b"PK\x03\x04\x14\x00" + bytes(100), "not text"),
        (b"\xff\xfea", "UTF-16"),
        (b"a,b\n" + b"x" * 2_000_000 + b",1\n", "field larger than"),
    ],
)
def test_files_that_are_no_tables_are_refused(tmp_path, content, why):
    with pytest.raises(DataError, match=why) as caught:
        read_table(written(tmp_path, content), None, 0)
    assert caught.value.code in ("MG180", "MG181")


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(DataError, match=r"There is no file .*none\.csv"):
        read_csv(tmp_path / "none.csv")
    with pytest.raises(DataError, match="is a folder"):
        read_csv(tmp_path)


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (["1", "2.5", "-3e-2", ".5", "7.", "NaN", "?", ""], "number"),
        (["1_000", "2", "3"], "name"),
        (["٣", "4", "5"], "name"),
        (["Yes", "no", "YES", "n/a"], "boolean"),
        (["2024-01-31", "2024-02-01", ""], "date"),
        (["2024-01-31T10:30", "2024-02-01 11:45:30"], "date"),
        (["2024-13-31", "2024-13-31", "2024-02-01", "2024-02-01"], "category"),
        (["a", "b", "a", "b"], "category"),
        (["a", "b", "c", "d"], "name"),
    ],
)
def test_column_kinds(cells, kind):
    assert understand("c", cells).kind == kind


def test_dates_become_days_since_1970():
    assert understand("d", ["1970-01-03", "1970-01-01T12:00", ""]).values == pytest.approx(
        [2.0, 0.5, np.nan], nan_ok=True
    )


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["100,000", "2,500"], [100000, 2500]),
        (["$100,000", "-$1"], [100000, -1]),
        (["4.321,50", "12,5", "1.234"], [4321.5, 12.5, 1234]),
        (["12%", "3.5 %"], [12, 3.5]),
        (["12 kg", "13.5 kg"], [12, 13.5]),
        (["(1,200)", "3"], [-1200, 3]),
    ],
)
def test_numbers_as_people_write_them(cells, values):
    form = find_number_format(dict.fromkeys(cells, 1))
    assert [form.parse(cell) for cell in cells] == values


@pytest.mark.parametrize("cells", [["A1", "A2"], ["10-20", "20-30"], ["v1.2", "v1.3"], ["12a", "13b"]])
def test_what_only_looks_like_a_number(cells):
    assert find_number_format(dict.fromkeys(cells, 1)) is None


@pytest.mark.parametrize(
    ("cells", "iso"),
    [
        (["01/31/2011 05:00 PM", "02/01/2011 12:00 AM"], ["2011-01-31T17:00:00", "2011-02-01T00:00:00"]),
        (["31/01/2011", "01/02/2011"], ["2011-01-31T00:00:00", "2011-02-01T00:00:00"]),
        (["31.01.2011", "01.02.2011"], ["2011-01-31T00:00:00", "2011-02-01T00:00:00"]),
        (["2012/01/01", "2011-01-20 05:00:00"], ["2012-01-01T00:00:00", "2011-01-20T05:00:00"]),
    ],
)
def test_dates_as_people_write_them(cells, iso):
    form, _ = find_date_format(cells)
    assert [form.parse(cell).isoformat() for cell in cells] == iso


def test_gbk_is_recognised_and_an_encoding_may_be_given(tmp_path):
    rows = "年龄,城市,是否购买\n" + "31,北京,是\n25,上海,否\n" * 10
    path = written(tmp_path, rows.encode("gbk"))
    assert list(read_csv(path).columns) == ["年龄", "城市", "是否购买"]
    with pytest.raises(DataError, match="is not utf-8: line 1"):
        read_csv(path, encoding="utf-8")


@pytest.mark.parametrize("text", ["größe,y\n1.5,naïve\n", "年龄,一\n三十一,丁\n二十五,一\n", "a,b\r\n1,2\r\n\x1a"])
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be", "utf-32"])
def test_wide_encodings_are_recognised_without_a_mark(tmp_path, text, encoding):
    file = read_csv(written(tmp_path, text.encode(encoding)))
    assert file.columns == read_csv(written(tmp_path, text.encode("utf-8"))).columns
    assert f"read as {encoding.upper()}" in file.notes[0]


def test_ctrl_z_ends_a_file(tmp_path):
    for content in (b"a,b\r\n1,2\r\n\x1a", b"a,b\n1,2\x1a", b"a,b\n1,2\n" + 9 * b"\x1a"):
        assert read_csv(written(tmp_path, content)).columns == {"a": ["1"], "b": ["2"]}
        assert read_csv(written(tmp_path, content), encoding="ascii").columns == {"a": ["1"], "b": ["2"]}
    with pytest.raises(DataError, match="control bytes"):
        read_csv(written(tmp_path, b"a,b\n1,\x1a2\n"))


def test_only_encodings_of_text_are_encodings(tmp_path):
    path = written(tmp_path, "größe,y\n1,2\n")
    for name in sorted({*encodings.aliases.aliases, "undefined", "idna", "punycode", "unicode_escape", "x\0"}):
        with contextlib.suppress(DataError):  # and nothing else is raised
            assert read_csv(path, encoding=name).columns
    with pytest.raises(DataError, match=r"'rot_13': (?!did you mean rot)"):
        read_csv(path, encoding="rot_13")
    for name in ("hex", "rot13", "base64"):
        with pytest.raises(DataError, match=f"There is no encoding of text '{name}'"):
            read_csv(path, encoding=name)
    for name in ("undefined", "punycode"):
        with pytest.raises(DataError, match=f"is not {name}: .*Leave --encoding out"):
            read_csv(path, encoding=name)


def test_a_bad_cell_is_said_and_taken_as_missing():
    schema, notes = Schema.learn({"n": [*map(str, range(5, 300)), "oops"]}, np.arange(200))
    assert "'n': 'oops' in row 296 is no finite number (up to 1e37): taken as missing" in notes
    assert schema.columns == ["n"]


def test_a_time_of_day_becomes_features():
    cells = [f"2011-01-{1 + i % 28:02} {i % 24:02}:00:00" for i in range(200)]
    schema, _ = Schema.learn({"when": cells}, np.arange(200))
    assert [e.part for e in schema.encodings] == ["days", "hour", "hour of the day", "weekday"]


@pytest.mark.parametrize("name", ["PassengerId", "rownames", "shop_id"])
def test_row_counters_and_ids_are_left_out(name):
    ids = [str(3 * i + 7) for i in range(40)]
    _, notes = Schema.learn({"a": COLOURS, name: ids}, np.arange(40))
    assert f"{name!r} left out: it only counts the rows" in notes


def test_decimal_commas_in_a_file_with_semicolons():
    column = understand("c", ["3,5", "4", "-0,25"], ",")
    np.testing.assert_array_equal(column.values, [3.5, 4.0, -0.25])
    assert column.note == "decimal commas, points between thousands"


def test_infinities_count_as_missing_and_are_said():
    column = understand("c", ["1", "inf", "1e999", "2"])
    assert (column.missing, column.bad) == (2, [(1, "inf"), (2, "1e999")])


@given(st.lists(st.floats(-1e6, 1e6), min_size=8, max_size=60), st.integers(0, 2**32))
@example([0.0, 7.4e-162, *[0.0] * 6], 0)
def test_training_features_are_standardised_and_nothing_is_learnt_from_the_rest(values, seed):
    training, rest = split(len(values), 0.25, seed)
    cells = [repr(value) for value in values]
    found, _ = learn_encodings(understand("c", cells), training)
    if not found:
        assert np.ptp(np.array(values)[training]) <= 1e-6
        return
    features = found[0].apply(understand("c", cells))[training, 0]
    assert features.mean() == pytest.approx(0, abs=1e-4)
    assert features.std() == pytest.approx(1, rel=1e-4)
    for row in rest:
        cells[row] = "123456789"
    assert learn_encodings(understand("c", cells), training)[0] == found


@given(st.integers(2, 200), st.floats(0.05, 0.5), st.integers(0, 2**63 - 1), st.integers(1, 4))
def test_a_split_is_a_partition_and_keeps_every_class(count, fraction, seed, classes):
    labels = np.arange(count) % classes
    training, test = split(count, fraction, seed, labels)
    assert sorted([*training, *test]) == list(range(count))
    assert set(labels[training]) == set(labels)
    np.testing.assert_array_equal(test, split(count, fraction, seed, labels)[1])


def test_outliers_of_a_numeric_target_are_said():
    wrong = [*Y[:-1], 1e7]
    notes = make_table({"n": np.array(NUMBERS), "y": np.array(wrong)}, ["y"], np.arange(ROWS)).notes
    assert any("'y' has an outlier:" in note and "one is 1e+07" in note for note in notes)
    for fine in (Y, [float(i % 2 * 5) for i in range(ROWS - 1)] + [9.5], [0.0] * (ROWS - 1) + [0.5]):
        notes = make_table(
            {"n": np.array(NUMBERS), "y": np.array(fine)}, ["y"], np.arange(ROWS), task="regression"
        ).notes
        assert not any("outlier" in note for note in notes)


def test_missing_values_are_filled_with_the_training_median(tmp_path):
    numbers = [*map(str, NUMBERS)]
    numbers[3] = numbers[10] = numbers[20] = "NA"
    result = table(tmp_path, {"n": numbers, "y": Y})
    known = [NUMBERS[i] for i in result.training if i not in (3, 10, 20)]
    (encoding,) = result.schema.encodings
    assert encoding.median == pytest.approx(float(np.median(known)))
    assert f"'n': 3 missing, filled with the median {np.median(known):g}" in result.notes
    assert len({float(result.x[i, 0]) for i in (3, 10, 20)}) == 1


def test_categories_are_one_hot_with_missing_as_their_own(tmp_path):
    colours = [*COLOURS]
    colours[0] = colours[4] = colours[8] = colours[12] = colours[16] = ""
    result = table(tmp_path, {"c": colours, "y": Y})
    assert result.schema.encodings[0].levels == ["blue", "green", "red"]
    assert result.x.shape == (ROWS, 4)
    np.testing.assert_array_equal(result.x.sum(axis=1), 1)
    np.testing.assert_array_equal(result.x[[0, 4, 8, 12, 16], 3], 1)


def test_columns_that_teach_nothing_are_dropped_and_said(tmp_path):
    result = table(
        tmp_path,
        {
            "id": list(range(1, ROWS + 1)),
            "gone": [""] * ROWS,
            "same": [7] * ROWS,
            "name": [f"n{i}" for i in range(ROWS)],
            "good": NUMBERS,
            "y": Y,
        },
    )
    assert result.x.shape == (ROWS, 1)
    said = " ".join(result.notes)
    for text in ("'id' left out: it only counts the rows", "'gone' left out: it is empty",
                 "'same' left out: it has one value only", "'name' left out: 40 different texts in 40 rows"):  # fmt: skip
        assert text in said


def test_a_year_that_grows_by_one_is_kept(tmp_path):
    assert table(tmp_path, {"year": [1980 + i for i in range(ROWS)], "y": Y}).x.shape == (ROWS, 1)


def test_targets_decide_between_classification_and_regression(tmp_path):
    assert table(tmp_path, {"n": NUMBERS, "y": COLOURS}).classes == ["blue", "green", "red"]
    assert table(tmp_path, {"n": NUMBERS, "y": [i % 3 for i in range(ROWS)]}).classes == ["0", "1", "2"]
    assert table(tmp_path, {"n": NUMBERS, "y": [i % 2 == 0 for i in range(ROWS)]}).classes == ["False", "True"]
    assert not table(tmp_path, {"n": NUMBERS, "y": Y}).classes
    assert not table(tmp_path, {"n": NUMBERS, "y": [i % 3 + 0.5 * (i % 5) for i in range(ROWS)]}).classes
    assert not table(tmp_path, {"n": NUMBERS, "y": list(range(ROWS))}).classes


def test_classes_have_one_spelling(tmp_path):
    assert table(tmp_path, {"n": NUMBERS, "y": [("1", "1.0", "2")[i % 3] for i in range(ROWS)]}).classes == ["1", "2"]
    assert table(tmp_path, {"n": NUMBERS, "y": [("Yes", "YES", "no", "Yes")[i % 4] for i in range(ROWS)]}).classes == [
        "no",
        "Yes",
    ]


def test_something_is_held_out_even_of_small_classes(tmp_path):
    result = table(tmp_path, {"n": NUMBERS[:10], "y": list("aabbccddee")})
    assert len(result.held_out) == 1


def test_a_regression_target_is_standardised_by_the_training_rows(tmp_path):
    result = table(tmp_path, {"n": NUMBERS, "y": Y})
    training = np.array(Y)[result.training]
    assert result.targets[0].mean == pytest.approx(training.mean())
    np.testing.assert_allclose(result.targets[0].original(result.y[:, 0]), Y, rtol=1e-5, atol=1e-5)
    assert "regression" in " ".join(result.notes)


def test_rows_without_a_target_are_left_out_and_said(tmp_path):
    result = table(tmp_path, {"n": NUMBERS, "y": ["?", *Y[1:]]})
    assert len(result.y) == ROWS - 1
    assert "1 of 40 rows left out: 'y' is missing there" in result.notes


@pytest.mark.parametrize(
    ("columns", "target", "why"),
    [
        ({"price": NUMBERS, "y": Y}, "prize", "no column 'prize': did you mean 'price'"),
        ({"price": NUMBERS, "y": Y}, "zzz", "no column 'zzz': it has price, y"),
        ({"n": NUMBERS, "y": [7] * ROWS}, None, "'7' in every row"),
        ({"n": NUMBERS, "y": [f"t{i}" for i in range(ROWS)]}, None, "40 different texts in 40 rows: too many"),
        ({"n": NUMBERS, "y": [""] * ROWS}, None, "0 rows with a value of 'y'"),
        ({"n": NUMBERS[:5], "y": Y[:5]}, None, "5 rows .* too few"),
        (
            {"n": [""] * ROWS, "m": [""] * ROWS, "y": Y},
            None,
            "leaves no column .*'n' left out: it is empty; 'm' left out",
        ),
        ({"t": [f"t{i}" for i in range(ROWS)], "y": Y}, None, "leaves no column .*40 different texts"),
        ({"n": NUMBERS, "y": [1e300 * i for i in range(1, ROWS + 1)]}, None, "too large"),
    ],
)
def test_tables_that_can_not_be_learnt_from_are_refused(tmp_path, columns, target, why):
    with pytest.raises(DataError, match=why):
        table(tmp_path, columns, target)


def test_ten_thousand_different_texts_are_no_feature_and_no_target(tmp_path):
    texts = [f"text {i}" for i in range(10_000)]
    numbers = [i % 97 for i in range(10_000)]
    result = table(tmp_path, {"t": texts, "n": numbers, "y": [i % 89 for i in range(10_000)]})
    assert result.x.shape == (10_000, 1)
    assert any("'t' left out: 10,000 different texts" in note for note in result.notes)
    with pytest.raises(DataError, match="'t' has 10,000 different texts in 10,000 rows: too many to be classes"):
        table(tmp_path, {"n": numbers, "t": texts})


def test_numbers_too_large_to_standardise_are_dropped(tmp_path):
    result = table(tmp_path, {"big": [1e308 * (-1) ** i for i in range(ROWS)], "n": NUMBERS, "y": Y})
    assert "'big' left out: it has no number that is not too large in the training rows" in result.notes
    mixed = table(tmp_path, {"big": [1e308, "-inf", *NUMBERS[2:]], "y": ["inf", *Y[1:]]})
    assert "1 rows left out: their 'y' is no number, or too large" in mixed.notes
    assert np.abs(mixed.x).max() < 10
    far, said = mixed.schema.encode({"big": ["1e40", "inf", "1e30", "3"]})
    assert np.isfinite(far).all()
    assert any(
        "'1e40' in row 1, 'inf' in row 2 is no finite number (up to 1e37): taken as missing" in note for note in said
    )


@pytest.mark.parametrize("marks", [["."], ["unknown", "(null)", "*"], ["#VALUE!"]])
def test_words_beside_many_numbers_stand_for_missing_ones(tmp_path, marks):
    cells = [marks[i % len(marks)] if i % 5 == 0 else str(number) for i, number in enumerate(NUMBERS)]
    column = understand("n", cells)
    assert (column.kind, column.missing) == ("number", ROWS // 5)
    assert understand("n", ["2", "4", "more"] * 20).kind == "category"
    below = ["<5" if i % 5 == 0 else str(number) for i, number in enumerate(NUMBERS)]
    assert "most of its cells are numbers, but '<5' are not" in understand("n", below).note


def test_none_may_be_a_class(tmp_path):
    for classes in (["none", "mild", "severe"], ["none", "mild"], ["-", "+"], ["yes", "no", "none"]):
        result = table(tmp_path, {"n": NUMBERS, "y": [classes[i % len(classes)] for i in range(ROWS)]})
        assert result.classes == sorted(classes)
        assert len(result.x) == ROWS


@pytest.mark.parametrize("form", ["%d/%m/%Y", "%m/%d/%Y", "%d-%b-%y", "%Y-%m-%d %H:%M:%S+00", "%Y%m%dT%H%M%S"])
def test_a_wrong_cell_among_dates_does_not_decide(form):
    import datetime

    moments = [datetime.datetime(2024, 1, 1, 5) + datetime.timedelta(days=7 * k) for k in range(99)]
    cells = [moment.strftime(form) for moment in moments]
    wrong = moments[-1].replace(day=28).strftime({"%d/%m/%Y": "%m/%d/%Y", "%m/%d/%Y": "%d/%m/%Y"}.get(form, "soon"))
    column = understand("when", [*cells, wrong])
    assert column.kind == "date"
    assert [text for _, text in column.bad] == [wrong]
    days = np.array([(moment - datetime.datetime(1970, 1, 1)).days for moment in moments])
    np.testing.assert_array_equal(np.floor(column.values[:-1]), days)


def test_a_line_by_which_spreadsheets_say_the_separator(tmp_path):
    file = read_csv(written(tmp_path, "sep=;\na;b\n1,5;x\n2,5;y\n"))
    assert (file.columns, file.delimiter) == ({"a": ["1,5", "2,5"], "b": ["x", "y"]}, ";")


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("any") / "t.csv"
    path.write_bytes(content)
    try:
        read_table(path, None, 0)
    except DataError:
        pass


@given(st.text(alphabet='ab12,;"\n.- ?', max_size=200))
def test_any_small_text_is_read_or_refused(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("any") / "t.csv"
    path.write_text(text)
    try:
        read_table(path, None, 0)
    except DataError:
        pass


def test_why_a_column_of_numbers_is_dropped():
    rows = np.arange(4)
    for cells, why in ((["7"] * 4, "one value only"), ([str(10**15 + i) for i in range(4)], "differ too little")):
        encodings, said = learn_encodings(understand("a", cells), rows)
        assert encodings == []
        assert why in said


def test_numbers_under_the_name_of_a_counter_stay_numbers():
    table = make_table({"x": [f"{k % 37 / 8}" for k in range(80)], "number": [f"{k % 7}" for k in range(80)],
                        "shop_id": [f"{100 + k % 5}" for k in range(80)], "y": ["a", "b"] * 40}, ["y"])  # fmt: skip
    kinds = {encoding.source: encoding.kind for encoding in table.schema.encodings}
    assert kinds == {"x": "number", "number": "number", "shop_id": "category"}


def test_eight_digits_are_dates_if_all_are_days(tmp_path):
    import datetime

    days = [datetime.date(2023, 12, 1) + datetime.timedelta(days=3 * k) for k in range(ROWS)]
    joined, dashed = ([day.strftime(form) for day in days] for form in ("%Y%m%d", "%Y-%m-%d"))
    a, b = (table(tmp_path, {"on": cells, "y": Y}) for cells in (joined, dashed))
    np.testing.assert_array_equal(a.x, b.x)
    assert "'on': eight digits: dates as year, month, day" in a.notes
    assert {encoding.part for encoding in a.schema.encodings} == {"days", "weekday", "month"}
    years = [f"{2001 + k}-03-0{1 + k % 9}" for k in range(ROWS)]
    assert {e.part for e in table(tmp_path, {"on": years, "y": Y}).schema.encodings} == {
        "days",
        "weekday",
        "day of the year",
    }
    held = make_table({"on": np.array(joined, np.int64), "y": np.array(Y)}, ["y"], a.training)
    np.testing.assert_array_equal(held.x, a.x)
    wrong = [*joined[:-1], "20240231"]
    assert {encoding.kind for encoding in table(tmp_path, {"on": wrong, "y": Y}).schema.encodings} == {"number"}


def test_points_group_thousands_where_the_file_has_decimal_commas(tmp_path):
    rows = [f"{k % 9 + 1}.{k % 10}00;{k},5;{k}" for k in range(ROWS)]
    file = read_csv(written(tmp_path, "\n".join(["preis;groesse;y", *rows])))
    assert file.decimal == ","
    column = understand("preis", file.columns["preis"], file.decimal)
    assert column.values[:2].tolist() == [1000, 2100]
    assert column.note == "decimal commas, points between thousands"
    points = [f"{k % 9 + 1}.{k % 10}00;{k}.5;{k}" for k in range(ROWS)]
    file = read_csv(written(tmp_path, "\n".join(["price;size;y", *points])))
    assert (file.decimal, understand("price", file.columns["price"], file.decimal).values[1]) == (".", 2.1)


def test_only_the_only_column_is_kept_whatever_it_is_called(tmp_path):
    for name in ("x", "number", "id"):
        result = table(tmp_path, {name: list(range(ROWS)), "y": Y}, "y")
        assert result.schema.columns == [name]


def test_sets_of_labels_may_be_empty_and_stand_beside_other_targets(tmp_path):
    tags = [("a;b", "a", "", "none")[i % 4] for i in range(ROWS)]
    cells = {"n": np.array(NUMBERS), "tags": tags, "price": np.array(Y)}
    made = make_table(cells, ["tags", "price"], label_separator=";")
    assert [target.task for target in made.targets] == ["labels", "regression"]
    assert len(made.x) == ROWS
    assert made.y[:4, :2].tolist() == [[1, 1], [1, 0], [0, 0], [0, 0]]
    with pytest.raises(DataError, match="No cell of 'price' holds ';'"):
        make_table(cells, ["price"], label_separator=";")


def test_dates_are_predicted_as_dates(tmp_path):
    days = [f"2024-{1 + k // 28:02}-{1 + k % 28:02}" for k in range(ROWS)]
    (target,) = table(tmp_path, {"n": NUMBERS, "when": days}, "when").targets
    assert target.decode(target.encode(["2024-02-03", "2024-01-10"])) == ["2024-02-03", "2024-01-10"]
    timed = [f"{day} 12:30" for day in days]
    (target,) = table(tmp_path, {"n": NUMBERS, "when": timed}, "when").targets
    (found,) = target.decode(target.encode(["2024-02-03 12:30"]))
    assert abs(np.datetime64(found) - np.datetime64("2024-02-03T12:30:00")) < np.timedelta64(1, "m")


def test_numbers_held_at_the_bound_are_said(tmp_path):
    (target,) = table(tmp_path, {"n": NUMBERS, "y": Y}, "y").targets
    assert target.bounded(np.array([[0.0], [1.0]])) == ""
    assert "'y': 1 predictions are held within" in target.bounded(np.array([[0.0], [99.0]]))


@pytest.mark.parametrize("sep", ["ab", '"', "\n"])
def test_what_separates_columns_is_one_character(tmp_path, sep):
    path = written(tmp_path, "a\tb\n1\t2\n")
    assert read_csv(path, None, "\\t").columns == read_csv(path).columns
    with pytest.raises(ArgumentError, match="is one character"):
        read_csv(path, None, sep)


def test_a_column_is_not_both_predicted_and_dropped(tmp_path):
    lines = ["a,b,y", *(f"{k},{k % 7},{k * 1.5}" for k in range(ROWS))]
    path = written(tmp_path, "\n".join(lines))
    with pytest.raises(ArgumentError, match="'y' is to be predicted and to be dropped"):
        read_table(path, "y", drop=["y"])
    with pytest.raises(DataError, match=r"no column to learn from\. "):
        read_table(path, "y", drop=["a", "b"])
