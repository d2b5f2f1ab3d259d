"""`benchmarks/results.py`: no run is lost, whatever a row lacks."""

import pytest
import results
from click.testing import CliRunner
from results import Job, Run, Score, cells_of, named


@pytest.fixture
def page(tmp_path, monkeypatch):
    """Two rows, of two scores and of one, and a page of its own."""
    monkeypatch.setattr(results, "RUNS", tmp_path / "results.json")
    monkeypatch.setattr(results, "PAGE", tmp_path / "results.md")
    monkeypatch.setattr(results, "JOBS", (Job("one", (Score("error", "baseline", "< baseline"),), 0.5),
                                          Job("one --more", (Score("score", None, "≥ 5"),))))  # fmt: skip
    results.PAGE.write_text(f"Head.\n{results.MARK}\n{results.MARK}\nTail.\n")
    return results.PAGE


def run(*words: str):
    return CliRunner().invoke(results.main, words)


def test_every_run_is_kept_though_others_fail_or_lack_a_score(page, monkeypatch):
    def train(job, seed, threads):
        if seed == 3:
            raise results.click.ClickException("failed with 1: it has [brackets]")
        found = {"error": 1.0 + seed, "baseline": 2.5} if job.words == "one" else {"renamed": 1.0}
        return Run({**found, "score": None} if seed == 4 else found, 20.0 + seed, 100)

    monkeypatch.setattr(results, "train", train)
    results.RUNS.write_text('{"of another version": {"0": {}}}')
    told = run()
    assert told.exit_code == 1
    assert "it has [brackets]" in told.output
    rows = [line for line in page.read_text().splitlines() if "microgradient train" in line]
    assert rows == [
        "| `microgradient train one` | error | 2.5 (5) | 2.5 | < baseline: **not reached** | 4 | 20 | ≤ 30: reached | 100 |",
        "| `microgradient train one --more` | score | – |  | ≥ 5: **not reached** | 4 | 20 |  | 100 |",
    ]
    assert list(results._kept()) == ["one", "one --more", "of another version"]
    assert page.read_text().startswith("Head.")
    assert page.read_text().endswith("Tail.\n")
    assert run("--only", "one", "--seed", "3").exit_code == 1
    assert page.read_text().count("| 4 |") == 2


def test_rows_are_named_by_their_commands(page):
    assert [job.words for job in named("one")] == ["one"]
    assert [job.words for job in named("one -")] == ["one --more"]
    told = run("--only", "nosuch")
    assert told.exit_code == 2
    assert "no row begins with 'nosuch': choose from one, one --more." in told.output


def test_a_score_is_compared_with_its_baseline_run_by_run():
    runs = [{"x": 1.0, "b": 0.9}, {"x": 2.0, "b": 3.0}, {"x": 3.0, "b": 2.0}]
    assert cells_of(Score("x", "b", "> baseline"), runs) == ("x", "2 (1)", "2", "> baseline: reached")
    assert cells_of(Score("x", None, "≥ 200 %"), runs)[3] == "≥ 200 %: reached"


def test_a_run_that_fails_says_why():
    with pytest.raises(results.click.ClickException, match=r"failed with 1: .*no recipe"):
        results.train(Job("no-such-recipe", ()), 0, None)
