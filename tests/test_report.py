"""The report that `make build` prints."""

from io import StringIO

import pytest
from rich.console import Console

from exports.report import TABLES, report


def test_report_shows_lists_metrics_and_tables(built):
    out = StringIO()
    report(built.database, Console(file=out, width=140))
    text = out.getvalue()
    assert "Because you liked" in text
    for model in ("popular", "trending", "cooccurrence", "als", "blend", "final"):
        assert model in text
    for table in TABLES:
        assert table in text
        assert built.rows(f"select count(*) from {table}")


def test_report_on_nothing_names_the_remedy(tmp_path):
    with pytest.raises(FileNotFoundError, match="make build"):
        report(tmp_path / "none.duckdb", Console())
