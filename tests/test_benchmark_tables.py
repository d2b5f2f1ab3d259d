"""`benchmarks/tables.py`: which tables there are, and how they become CSV."""

import pytest
import tables
from click.testing import CliRunner
from tables import SOURCES, read_source

from microgradient.data.csv_file import read_csv


def test_a_table_that_there_is_none_of_is_an_error():
    told = CliRunner().invoke(tables.main, ["iris", "nosuch"])
    assert told.exit_code == 2
    assert "there is no table 'nosuch': choose from iris, wine," in told.output


@pytest.mark.parametrize("source", [source for source in SOURCES if source.parse], ids=lambda source: source.name)
def test_what_is_not_csv_becomes_it(source, tmp_path):
    columns = read_csv(read_source(source, tmp_path)).columns
    assert {source.target, *source.drop} < columns.keys()
    assert len(columns[source.target]) > 100
