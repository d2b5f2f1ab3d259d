"""That a package is missing is said before a recipe trains."""

import re
import sys
from pathlib import Path

import pytest
from properties import built, check_missing_package

import microgradient.recipes
from microgradient.recipes import RECIPES

PACKAGES = [(name, package) for name, recipe in RECIPES.items() for package in recipe.needs]


def test_a_recipe_needs_what_its_files_import():
    """In functions. Translate's model asks for sacrebleu itself, as only messages are scored by it; plots are no recipe."""
    found = set()
    for path in Path(microgradient.recipes.__file__).parent.glob("*.py"):
        modules = re.findall(r"^ +(?:from (\w+)[\w.]* import|import (\w+)$)", path.read_text(), re.M)
        modules = [a or b for a, b in modules]
        own = {*sys.stdlib_module_names, "microgradient", "numpy", "scipy", "matplotlib"}
        found |= {(path.stem.split("_")[0], module) for module in modules if module not in own}
    shown = {("translate", "sacrebleu"), ("plots", "plotext")}
    assert found - shown == set(PACKAGES)


@pytest.mark.parametrize(("name", "package"), PACKAGES)
def test_a_missing_package_of_a_baseline_is_said_before_the_data_are_read(name, package, monkeypatch):
    check_missing_package(monkeypatch, name, package)


def test_the_metric_of_messages_is_missed_before_the_training(monkeypatch):
    import microgradient.data.installed as installed
    from microgradient.errors import DataError
    from microgradient.recipes.translate import TranslatePredictor

    real = installed.find_spec
    monkeypatch.setattr(installed, "find_spec", lambda found: None if found == "sacrebleu" else real(found))
    details = built("translate").details()
    with pytest.raises(DataError, match="This needs sacrebleu"):
        TranslatePredictor({**details, "language": "fr", "special": ["<fr>"]})
