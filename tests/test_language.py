"""The language of what is shown: the catalogues are complete, and finished sentences are found in them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from string import Formatter

import messages
import numpy as np
import pytest

import microgradient as mg
from microgradient import nn
from microgradient.errors import MicrogradientError, NonFiniteError
from microgradient.language import LANGUAGES, closest, language, pattern, speaking, translate

FOLDER = Path(mg.__file__).parent / "locale"
CATALOGUES = [(to, name) for to in LANGUAGES if to != "en" for name in ("messages", "phrases", "page")]
# what the system and NumPy say, which our sentences repeat
OTHERS = {
    "No such file or directory", "Permission denied", "Is a directory", "Not a directory",
    "File exists", "Operation not permitted",
    "Too many indices for array: array is {0}-dimensional, but {1} were indexed",
    "boolean index did not match indexed array along axis {0}; size of axis is {1} but size of corresponding boolean axis is {2}",
    "Boolean index did not match indexed array along axis {0}; size of axis is {1} but size of corresponding boolean axis is {2}",
}  # fmt: skip
CHINESE = re.compile(r"[一-鿿]")

PAGE = (Path(__file__).parents[1] / "docs" / "languages.md").read_text(encoding="utf-8")
IDIOMS = re.compile(r"in a row|in (the )?place of|first steps")  # where a term means something else
TERMS = [
    (english, chinese.split("、"))
    for english, chinese in re.findall(r"^\| (.+) \| (.+) \|$", PAGE.partition("\n## Terms\n")[2], re.MULTILINE)
    if english not in ("English", "---")
]


def catalogue(to, name):
    return json.loads((FOLDER / to / f"{name}.json").read_text(encoding="utf-8"))


def holes(text):
    return {hole for _, hole, *_ in Formatter().parse(text) if hole is not None}


def test_no_sentence_is_missing_and_none_is_left_over():
    assert set(messages.messages()) == set(catalogue("zh_CN", "messages"))
    assert set(messages.of_page()) == set(catalogue("zh_CN", "page"))


def test_every_phrase_is_written_somewhere():
    said = "\n".join(path.read_text(encoding="utf-8") for path in Path(mg.__file__).parent.rglob("*.py"))
    for english in set(catalogue("zh_CN", "phrases")) - OTHERS:
        words = [word for literal, *_ in Formatter().parse(english) for word in re.findall(r"[A-Za-z]{3,}", literal)]
        assert all(word in said for word in words), english


@pytest.mark.parametrize(("to", "name"), CATALOGUES)
def test_a_translation_fills_the_holes_of_the_sentence_and_keeps_its_code(to, name):
    for english, translation in catalogue(to, name).items():
        assert holes(translation) <= holes(english), english
        assert sorted(re.findall(r"`[^`]*`", english)) == sorted(re.findall(r"`[^`]*`", translation)), english
        assert not re.search(r"[一-鿿][,;?!]", re.sub(r"\(.*?\)", "", translation)), translation
        assert CHINESE.search(translation) or not re.search(r"[a-z]{3,} [a-z]{3,}", english), english


@pytest.mark.parametrize("name", ["messages", "phrases", "page"])
def test_one_word_stands_for_one_thing(name):
    """The terms are those of the table in docs/languages.md, or the English ones."""
    assert len(TERMS) > 100
    for said, translation in catalogue("zh_CN", name).items():
        words = IDIOMS.sub("", re.sub(r"`[^`]*`|\(PyTorch:.*?\)", "", said))
        for english, chinese in TERMS:
            if re.search(rf"\b{re.escape(english)}s?\b", words) and CHINESE.search(translation):
                assert any(word in translation for word in (*chinese, english)), (english, said)


def test_the_entry_on_the_page_is_one():
    shown = json.loads("{" + re.search(r"```json\n(.*)\n```", PAGE)[1] + "}")
    assert shown.items() <= catalogue("zh_CN", "messages").items()


def test_a_finished_sentence_is_found():
    """What a sentence's holes are filled with, names and numbers, comes through unchanged."""
    for english, translation in catalogue("zh_CN", "messages").items():
        filling = [f"N{k}x" for k in range(len(holes(english)))]
        assert pattern(english).fullmatch(english.format(*filling))
        with speaking("zh_CN"):
            told = translate(english.format(*filling))
        assert told.strip() == translation.replace(":n}", "}").format(*filling).strip()


@pytest.mark.parametrize(
    ("variables", "spoken"),
    [
        ({}, "en"), ({"LANG": "C.UTF-8"}, "en"), ({"LANG": "zh_CN.UTF-8"}, "zh_CN"), ({"LC_ALL": "de_DE", "LANG": "zh_CN"}, "en"),
        ({"LC_MESSAGES": "zh_SG", "LANG": "en_US"}, "zh_CN"), ({"MICROGRADIENT_LANG": "en", "LC_ALL": "zh_CN"}, "en"),
        ({"MICROGRADIENT_LANG": "zh-Hans"}, "zh_CN"), ({"MICROGRADIENT_LANG": "", "LANG": "zh"}, "zh_CN"),
    ],
)  # fmt: skip
def test_the_environment_says_which(variables, spoken, monkeypatch):
    for name in ("MICROGRADIENT_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert language() == spoken


def test_a_block_speaks_another_language_and_gives_it_back():
    assert language() == "en"
    with speaking("zh"):
        assert language() == "zh_CN"
        with speaking(""):
            assert language() == "zh_CN"
        with speaking("fr"):
            assert language() == "en"
    assert language() == closest("klingon") == "en"


def in_chinese(act):
    with speaking("zh_CN"), pytest.raises(MicrogradientError) as caught:
        act()
    with speaking("zh_CN"):
        return str(caught.value), str(caught.value.message)


def twice():
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    loss = mg.sum(x * x)
    loss.backward()
    loss.backward()


@pytest.mark.parametrize(
    ("act", "said"),
    [
        (
            lambda: mg.tensor([1.0, 2.0], requires_grad=True).backward(),
            ["形状为 (2,)", "`loss.mean().backward()`", "[MG101]"],
        ),
        (
            lambda: nn.Sequential(nn.Linear(4, 3), nn.Linear(5, 2))(mg.ones((1, 4))),
            ["Linear(5→2) 得到 3 个特征", "在 `model.1` 中"],
        ),
        (
            lambda: nn.functional.cross_entropy(mg.zeros((3, 3)), mg.tensor([0, 1, 3])),
            ["3 个输出需要标签 0–2", "第 2 行为 3"],
        ),
        (
            lambda: nn.Conv2d(3, 8, 3)(mg.zeros((4, 28, 28, 3))),
            ["看起来通道在最后一轴", "`mg.permute_dims(x, (0, 3, 1, 2))`"],
        ),
        (lambda: mg.ones((2, 3)) @ mg.ones((2, 3)), ["形状 (2, 3) 和 (2, 3)", "`x @ w.mT`"]),
        (lambda: mg.ones(3)[5], ["索引 5", "长度为 3"]),
        (twice, ["求过导", "`loss.backward(retain_graph=True)`"]),
    ],
)
def test_errors_are_whole_in_chinese(act, said):
    text, english = in_chinese(act)
    assert all(part in text for part in said), text
    rest = re.sub(r"`[^`]*`|PyTorch：[^）]*|\[MG\d+\]|[A-Za-z_]+\([^)]*\)|[\w.]+\.py:\d+", "", text)
    assert not re.search(r"[a-z]{3,} [a-z]{2,}", rest), rest
    assert not CHINESE.search(english)


def test_why_and_the_doctor_speak_it():
    a = mg.Value(2.0, label="a")
    y = a * a
    y.backward()
    mg.manual_seed(0)
    deep = nn.Sequential(*(layer for _ in range(10) for layer in (nn.Linear(16, 16), nn.Sigmoid())), nn.Linear(16, 1))
    found = mg.doctor(deep, lambda model, batch: mg.mean(model(batch) ** 2), mg.randn(32, 16))
    with speaking("zh_CN"):
        explained, diagnosed = mg.why(a).text(), found.text()
    assert "2 条路径相加" in explained
    assert "规则" in explained
    assert diagnosed.startswith("梯度消失")
    assert "sigmoid 的导数最大为 0.25" in diagnosed
    assert found.findings[0].rule == "vanishing gradient"  # for programs it is the same in every language


def test_columns_align_under_chinese_names():
    损失, w = mg.Value(2.0, label="损失"), mg.Value(3.0, label="w")
    y = 损失 * w + 损失
    y.backward()
    from microgradient.explain.render import width

    with speaking("zh_CN"):
        lines = mg.why(损失).text().splitlines()
    edges = [line for line in lines if line.lstrip().startswith("经由")]
    assert len({width(line[: line.index(" = ")]) for line in edges}) == 1


def english_in(text):
    """Two lower-case words in a row, outside of code, tags, options and paths."""
    rest = re.sub(r"`[^`]*`|--\S+ \w+|\[MG\d+\]|[\w.]+\.py:\d+|\S*/\S+", " ", re.sub(r"<[^>]*>", " ", text))
    return re.findall(r"[a-z]{2,} [a-z]{2,}", rest)


def numbers():
    a, b = mg.Value(2.0, label="a"), mg.Value(-3.0, label="b")
    L = a * b + a * b.tanh() + sum(a * k for k in range(1, 9))
    L.label = "L"
    L.backward()
    return a, L


def arrays():
    x, w = mg.randn(4, 3), mg.randn(3, 200, requires_grad=True)
    with mg.trace() as recorded:
        h = mg.tanh(x @ w)
        loss = mg.mean(h * h)
        loss.backward()
    return w, h, loss, recorded


def test_paths_steps_and_traces_are_whole_in_chinese(capsys):
    a, L = numbers()
    w, _, loss, _ = arrays()
    with speaking("zh_CN"):
        told = [str(mg.paths(a, of=L, top=3)), str(mg.paths(w, (0, 1), of=loss, top=1))]
        edge = mg.paths(a, of=L).paths[0].edges[-1]
        told += [str(mg.paths(a, of=L, without=edge)), str(mg.why(a, of=L)), str(mg.why(w, of=loss))]
        for end in (L, loss):
            mg.step(end)
            mg.trace(end)
            told.append(capsys.readouterr().out)
    for text in told:
        assert CHINESE.search(text)
        assert not english_in(text), text
    assert "条路径，相加" in told[0]
    assert "已屏蔽" in told[2]
    assert "遍历 1" in told[-1]


def test_the_columns_of_a_step_align_in_chinese():
    from microgradient.explain.render import plain, width
    from microgradient.explain.step import State, Walk, screen
    from microgradient.explain.sweep import sweep_of

    _, L = numbers()
    with speaking("zh_CN"):
        walk = Walk(sweep_of(L, {}))
        titles = [plain(walk.card(at)).split("\n")[0] for at in (1, walk.turn)]
        shown = screen(walk, State(walk.turn), 100, 40)
        asked = screen(walk, State(walk.turn, typed=""), 100, 40)
    assert width(titles[0][: titles[0].index("v")]) == width(titles[1][: titles[1].index("∂")]) == 14
    assert all(width(plain([line])) <= 100 for line in shown)
    assert not english_in(plain(shown) + plain(asked))


def test_a_name_stays_a_name():
    """What a variable is called may be a word of the catalogue."""
    height, row = mg.Value(2.0, label="height"), mg.Value(3.0, label="row")
    y = height * row + height
    y.label = "steps"
    y.backward()
    with speaking("zh_CN"):
        assert "∂steps/∂height = 4.0     从 steps 到 height 有 2 条路径，相加" in str(mg.paths(height, of=y))
        assert "height 用了 2 次" in str(mg.why(height, of=y))


def test_notebooks_are_whole_in_chinese():
    a, L = numbers()
    w, h, loss, recorded = arrays()
    model = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.BatchNorm1d(8), nn.Linear(8, 1))
    x = mg.randn(32, 3)
    sgd = mg.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    mg.mean(model(x) ** 2).backward()
    sgd.step()
    found = mg.doctor(model, lambda model, batch: mg.mean(model(batch) ** 2), x)
    odd = mg.tensor([[np.nan, np.inf, 1.0] * 50] * 3)
    with speaking("zh_CN"):
        things = [
            a, L, mg.Value(1.0), w, h, mg.zeros((0, 3)), mg.ones((2, 2, 2)), mg.ones(()), mg.ones((8, 20, 200)), odd, model,
            mg.why(a, of=L), mg.why(w, of=loss), mg.paths(a, of=L, top=2), mg.paths(w, of=loss), recorded, found,
            mg.why_update(model[0].weight, optimizer=sgd), mg.why_update(model[0].weight, (0, 0), optimizer=sgd),
        ]  # fmt: skip
        bundles = [thing._repr_mimebundle_() for thing in things]
    for bundle in bundles:
        assert not english_in(re.sub(r"<math.*?</math>", "", bundle["text/html"])), bundle["text/html"]
        assert not re.search(r'alt="[^"]*[a-z]{2,} [a-z]{2,}', bundle["text/html"])


def test_a_healthy_model_and_the_table_of_layers_are_whole_in_chinese():
    mg.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 1))
    found = mg.doctor(model, lambda model, batch: mg.mean(model(batch) ** 2), mg.randn(32, 3))
    with speaking("zh_CN"):
        text, table = found.text(), found.table()
    assert found.healthy
    assert text.startswith("健康：损失 ")
    assert "2 层" in text
    assert not re.search(r"[a-z]{2,}", text + table.splitlines()[0])


def test_a_run_is_whole_in_chinese(run, monkeypatch, tmp_path):
    monkeypatch.setenv("MICROGRADIENT_LANG", "zh")
    code, out, _ = run("train", "two-layer", "--epochs", "1", "--out", str(tmp_path / "run"))
    assert code == 0
    assert not english_in(out), out
    assert "4 个点用于训练，留出 3 个" in out
    code, out, _ = run("train", "two-layer", "--epochs", "2", "--resume", "--out", str(tmp_path / "run"))
    assert code == 0
    assert not english_in(out), out
    code, out, _ = run("show", str(tmp_path / "run"))
    assert code == 0
    assert not english_in(re.sub(r"microgradient train .*", "", out)), out
    assert "测试准确率" in out


def test_a_run_on_a_table_is_whole_in_chinese(run, monkeypatch, tmp_path):
    monkeypatch.setenv("MICROGRADIENT_LANG", "zh")
    rows = [
        f"{k},{k % 7 / 7},{'red' if k % 3 else 'blue'},2020-01-{k % 28 + 1:02},{(k * k) % 11 + k % 7 / 7}"
        for k in range(80)
    ]
    path = tmp_path / "prices.csv"
    path.write_text("\n".join(["id,size,colour,day,price", *rows]) + "\n", encoding="utf-8")
    code, out, _ = run("train", str(path), "--epochs", "2", "--out", str(tmp_path / "run"))
    assert code == 0
    assert not english_in(out), out
    assert "预测最后一列 'price'" in out
    code, out, _ = run("show", str(tmp_path / "run"))
    assert not english_in(re.sub(r"microgradient train .*", "", out)), out


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda g: -g, "符号反了"), (lambda g: 2 * g, "大了一倍"), (lambda g: g[:, :2], "形状为 (3, 2)"),
        (lambda g: g * (g > 1), "15 个数中有 9 个正确"), (lambda g: "half", "'half' 不是数"), (lambda g: g, "正确："),
    ],
)  # fmt: skip
def test_verdicts_are_whole_in_chinese(wrong, said, capsys):
    w = mg.tensor([[1.0, 2.0, 3.0, 4.0, 5.0]] * 3, requires_grad=True)
    mg.mean(w * w * 3.0).backward()
    with speaking("zh_CN"):
        mg.check_answer(w, wrong(w.grad.numpy()))
    told = capsys.readouterr().out
    assert said in told
    assert told.startswith(("不是 ", "正确："))
    assert not english_in(told)


def test_the_command_speaks_it(run, monkeypatch):
    monkeypatch.setenv("MICROGRADIENT_LANG", "zh")
    code, out, _ = run("--help")
    assert code == 0
    assert "用法：microgradient" in out
    assert "\n选项：\n" in out
    assert "训练一个配方" in out
    code, _, said = run("train", "digts")
    assert code == 1
    assert "没有名为 'digts' 的配方" in said
    assert np.all([CHINESE.search(run("train", name, "--help")[1]) for name in ("digits", "names")])


def test_names_and_the_words_of_others_stay():
    """A variable may be called as a word of a sentence is; and what another library says is not ours to translate."""
    step = mg.Value(2.0, label="step")
    row = step * step
    row.label = "row"
    row.backward()
    with speaking("zh_CN"):
        text = mg.why(step).text()
        assert "∂row/∂step" in text
        assert "step 用了 2 次" in text
        long = "Precision is ill-defined and being set to 0.0. " * 500
        assert translate(long) == long


def test_warnings_of_others_are_said_as_they_are(capsys):
    from microgradient.cli.main import _warn

    with speaking("zh_CN"):
        _warn(UserWarning("Precision is ill-defined and being set to 0.0"))
    assert "Precision is ill-defined and being set to 0.0" in capsys.readouterr().err


@pytest.mark.parametrize(
    "mistake",
    [
        lambda: mg.vmap(lambda a, b: a + b)(mg.ones((2,)), mg.ones((3,))),
        lambda: mg.vmap(lambda a, b, c: a + b + c)(mg.ones((2,)), mg.ones((3,)), mg.ones((2,))),
        lambda: mg.tensor([[1, 2], [3]]),
        lambda: mg.tensor([[[1, 2], 3]]),
    ],
)
def test_lists_in_a_sentence_are_translated_part_by_part(mistake):
    with speaking("zh_CN"), pytest.raises(MicrogradientError) as caught:
        mistake()
    with speaking("zh_CN"):
        told = re.sub(r"`[^`]*`", "", str(caught.value))
    assert CHINESE.search(told)
    assert not re.search(r"[a-z]{2,}", told.replace("vmap", "").replace("out_axes", ""))
    assert not re.search(r"[;(]|, [^\d]", re.sub(r"\([\d, ]*\)", "", told))  # full-width, but for shapes


def test_an_account_of_several_sentences_within_one_is_translated_sentence_by_sentence():
    error = NonFiniteError(
        "MG171",
        "a line of microgradient: `exp` in `5` gives NaN at [0, 1]; its operands are float32 (2, 3) from 0 to 1.5, "
        "float32 (3, 4) from -2 to 2. It is %18 of the compiled program.",
    )
    first = f"the first operation to leave the finite numbers is at {error.message}"
    said = f"The loss became nan at step 11: {first} Try a smaller --lr than 5."
    with speaking("zh_CN"):
        told = translate(said)
    assert not re.search(r"[a-z]{3,} [a-z]{2,}", re.sub(r"`[^`]*`", "", told))
    assert told.count("。") == len(re.findall(r"[a-z0-9]\.( |$)", said))  # a full stop each


def test_paths_stay_as_they_are_where_they_are_words_or_signs_or_have_spaces():
    with speaking("zh_CN"):
        for path in ("loss", ".", "1 epoch", "nothing"):
            assert translate(f"There is no run to resume in {path}: it has no run.json.").startswith(
                f"{path} 中没有"
            ), path
        assert translate("There is no run to resume in 甲 乙: it has no run.json.").startswith("甲 乙中没有")
