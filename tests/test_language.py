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
from microgradient.errors import MicrogradientError
from microgradient.language import LANGUAGES, closest, language, pattern, speaking, translate

FOLDER = Path(mg.__file__).parent / "locale"
CATALOGUES = [(to, name) for to in LANGUAGES if to != "en" for name in ("messages", "phrases", "page")]
# what the system and NumPy say, which our sentences repeat
OTHERS = {
    "No such file or directory", "Permission denied", "Is a directory", "Not a directory",
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
        assert told.strip() == translation.format(*filling).strip()


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


def test_the_command_speaks_it(run, monkeypatch):
    monkeypatch.setenv("MICROGRADIENT_LANG", "zh")
    code, out, _ = run("--help")
    assert code == 0
    assert "用法：microgradient" in out
    assert "训练一个配方" in out
    code, _, said = run("train", "digts")
    assert code == 1
    assert "没有配方 'digts'" in said
    assert np.all([CHINESE.search(run("train", name, "--help")[1]) for name in ("digits", "names")])
