"""The README and the pages beside it: queries run and give the columns printed, names exist."""

import re

import duckdb
import pytest
from conftest import ROOT
from test_tutorial import is_as_printed

README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [README, *(page.read_text(encoding="utf-8") for page in (ROOT / "docs").glob("*.md"))]
QUERIES = [
    query
    for page in PAGES
    for query in re.findall(r"```sql\n(.*?)```\n```\n(.*?)```", page, flags=re.DOTALL)
]


def test_there_are_queries():
    assert len(QUERIES) >= 7


@pytest.mark.parametrize(("query", "printed"), QUERIES)
def test_query_gives_what_is_printed(query, printed, built):
    """Numbers may differ in their last digits from processor to processor."""
    with duckdb.connect(str(built.database), read_only=True) as connection:
        # Below a long table DuckDB counts its rows, which says nothing more.
        table = [line for line in str(connection.sql(query)).splitlines() if line[:1] in "┌│├└"]
    assert is_as_printed(printed, "\n".join(table))


def test_tables_exist(built):
    tables = {
        f"{schema}.{name}"
        for schema, name in built.rows(
            "select table_schema, table_name from information_schema.tables"
        )
    }
    first_cells = re.findall(r"^\| (`\w+\.\w+`(?:, `\w+\.\w+`)*) \|", README, flags=re.MULTILINE)
    named = [name for cell in first_cells for name in re.findall(r"\w+\.\w+", cell)]
    assert len(named) > 10
    assert [name for name in named if name not in tables] == []
