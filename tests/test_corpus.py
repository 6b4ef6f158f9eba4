"""Bad files and rows (tests/corpus/corpus.yml): what is accepted, what is refused and why."""

import csv
import gzip
import json
from pathlib import Path

import duckdb
import pytest
import yaml
from conftest import Warehouse

CORPUS = yaml.safe_load((Path(__file__).parent / "corpus" / "corpus.yml").read_text())

COLUMNS = {
    "user_id": "customer",
    "item_id": "sku",
    "event_type": "action",
    "value": "amount",
    "occurred_at": "ts",
}
MODELS = ("run", "--select", "+rejected_interactions")
# Every row that was read, and why it was refused.
SCREENED = """
    select numbered.*, rejected.reason
    from inputs.numbered_interactions as numbered
    left join inputs.rejected_interactions as rejected using (source_file, source_row)
"""
# Tables that are lopsided, and good.
SHAPES = {
    "a_third_by_one_user.csv": [(f"u{n}" if n % 3 else "u", f"i{n}") for n in range(90)],
    "one_user.csv": [("u", f"i{n}") for n in range(90)],
    "one_item.csv": [(f"u{n}", "i") for n in range(90)],
}
FILES = CORPUS["files"] + [
    {
        "name": name,
        "content": "customer,sku,action,amount,ts\n"
        + "".join(f"$ {user},$ {item},view,,2025-01-01\n" for user, item in events),
        "accepted": len(events),
    }
    for name, events in SHAPES.items()
]
REFUSED = {}
for case in CORPUS["refused"]:
    REFUSED.setdefault(case.get("group", case["name"]), []).append(case)


def custom(file, columns=COLUMNS, **entry) -> dict:
    """The vars that read these files as events."""
    interactions = {"file": str(file), "columns": columns, **entry}
    return {"dataset": "custom", "as_of": "2026-01-01", "custom": {"interactions": interactions}}


def write(folder: Path, case: dict) -> Path:
    """The file of a case."""
    path = folder / case["name"]
    text = case.get("content", "").replace("$", case["name"])
    content = text.encode(case.get("encoding", "utf-8"))
    if "parquet" in case:
        duckdb.execute(f"copy ({case['parquet']}) to '{path}' (format parquet)")
        content = path.read_bytes()
        content = content[: len(content) - case.get("cut_off", 0)]
    match case.get("packed"):
        case "gzip":
            content = gzip.compress(content)
        case "gzip in two parts":
            half = len(content) // 2
            content = gzip.compress(content[:half]) + gzip.compress(content[half:])
        case "gzip, cut off":
            content = gzip.compress(content * 1000)[:-12]
    path.write_bytes(content)
    return path


def ending(name: str) -> str:
    return name[name.index(".") :]


# ---------- rows ----------


def rows_for(file_format: str) -> list[dict]:
    """The cases that can be written in a format, each with all its fields."""
    good = {"event_id": None, "event_type": "view", "value": None, "occurred_at": "2025-01-01"}
    rows = []
    for row in CORPUS["rows"]:
        if file_format in row.get("formats", [file_format]):
            row = {"user_id": row["name"], "item_id": "i", **good, **row}
            rows.append({key: "x" * 10_000 if text == "+" else text for key, text in row.items()})
    return rows


def write_rows(path: Path, rows: list[dict], columns: dict) -> None:
    records = [{theirs: row[ours] for ours, theirs in columns.items()} for row in rows]
    if path.suffix == ".csv":
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(records[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(records)
        return
    json_lines = path.with_suffix(".jsonl")
    json_lines.write_text(
        "".join(
            json.dumps({key: text for key, text in record.items() if text is not None}) + "\n"
            for record in records
        )
    )
    if path.suffix == ".parquet":
        types = {name: "varchar" for name in columns.values()}
        duckdb.execute(
            f"copy (from read_json('{json_lines}', columns = {types})) to '{path}' (format parquet)"
        )


@pytest.mark.parametrize("file_format", ["csv", "jsonl", "parquet"])
def test_rows(file_format, warehouse, tmp_path):
    rows = rows_for(file_format)
    columns = COLUMNS | {"event_id": "id"}
    path = tmp_path / f"rows.{file_format}"
    write_rows(path, rows, columns)
    result = warehouse.dbt(*MODELS, **custom(path, columns))
    assert result.returncode == 0, result.stdout
    found = warehouse.rows(
        "select reason, user_id, item_id, cast(occurred_at as varchar), value_text,"
        f" occurred_at_text from ({SCREENED}) order by source_row"
    )
    assert len(found) == len(rows)
    wrong = []
    for row, (reason, user_id, item_id, occurred_at, value_text, time_text) in zip(
        rows, found, strict=True
    ):
        expected = [row.get("reason"), row["user_id"] or None, row["item_id"] or None]
        if row.get("reason") is None and "time" in row:
            expected.append(row["time"])
        actual = [reason, user_id or None, item_id or None, occurred_at][: len(expected)]
        # As it came, whatever became of it.
        expected += [row["value"] or None, row["occurred_at"] or None]
        actual += [value_text or None, time_text or None]
        if actual != expected:
            wrong.append((row["name"], expected, actual))
    assert not wrong


# ---------- files that are read ----------


@pytest.mark.parametrize("name", sorted({ending(case["name"]) for case in FILES}))
def test_files(name, warehouse, tmp_path):
    cases = {str(write(tmp_path, case)): case for case in FILES if ending(case["name"]) == name}
    result = warehouse.dbt(*MODELS, **custom(tmp_path / f"*{name}"))
    assert result.returncode == 0, result.stdout
    found = warehouse.rows(
        f"select source_file, source_row, reason from ({SCREENED}) order by source_file, source_row"
    )
    for path, case in cases.items():
        of_this = [row for row in found if row[0] == path]
        rejected = [[row, reason] for _, row, reason in of_this if reason]
        assert rejected == case.get("rejected", []), case["name"]
        assert len(of_this) - len(rejected) == case["accepted"], case["name"]


def test_types_other_than_text(warehouse, tmp_path):
    """Whole numbers for ids, times with a zone, decimals, from several files."""
    zoned = "timestamptz '2025-01-01 02:00:00+02:00'"
    duckdb.execute(
        f"copy (select 7 as customer, 8::utinyint as sku, 'view' as action,"
        f" 1.50::decimal(9, 2) as amount, {zoned} as ts) to '{tmp_path}/a.parquet'"
    )
    duckdb.execute(
        f"copy (select {zoned} as ts, 'view' as action, 9::utinyint as sku, 7 as customer,"
        f" null::decimal(9, 2) as amount) to '{tmp_path}/b.parquet'"
    )
    result = warehouse.dbt(*MODELS, **custom(tmp_path / "*.parquet"))
    assert result.returncode == 0, result.stdout
    assert warehouse.rows(
        "select user_id, item_id, value, cast(occurred_at as varchar), reason"
        f" from ({SCREENED}) order by item_id"
    ) == [
        ("7", "8", 1.5, "2025-01-01 00:00:00", None),
        ("7", "9", None, "2025-01-01 00:00:00", None),
    ]


def test_titles_with_line_breaks(warehouse, tmp_path):
    """Line breaks within quotes, as texts about products have them."""
    (tmp_path / "events.csv").write_text("customer,sku,action,amount,ts\nu,1,view,,2025-01-01\n")
    (tmp_path / "items.csv").write_text('sku,name\n1,"One\nor ""1"""\n2,Two\n')
    variables = custom(tmp_path / "events.csv")
    variables["custom"]["items"] = {
        "file": str(tmp_path / "items.csv"),
        "columns": {"item_id": "sku", "title": "name"},
    }
    result = warehouse.dbt("run", "--select", "stg_custom__items", **variables)
    assert result.returncode == 0, result.stdout
    assert warehouse.rows(
        "select item_id, title from staging.stg_custom__items order by item_id"
    ) == [("1", 'One\nor "1"'), ("2", "Two")]


# ---------- files that are refused ----------


@pytest.fixture(scope="module")
def refusal(tmp_path_factory):
    """Runs dbt on the files of a group, always under the same vars: they need no second parse."""
    folder = tmp_path_factory.mktemp("refused")
    warehouse = Warehouse(folder)

    def run(cases):
        entry = {"options": cases[0]["options"]} if "options" in cases[0] else {}
        files = [write(folder, case) for case in cases if case.get("is_there", True)]
        try:
            return warehouse.dbt(
                *MODELS, **custom(folder / f"*{ending(cases[0]['name'])}", **entry)
            )
        finally:
            for file in files:
                file.unlink()

    return run


# In the order of the endings, as the vars follow them.
@pytest.mark.parametrize(
    "group", sorted(REFUSED, key=lambda group: ending(REFUSED[group][0]["name"]))
)
def test_refused_files(group, refusal):
    cases = REFUSED[group]
    result = refusal(cases)
    message = " ".join(result.stdout.split())
    assert result.returncode != 0, message
    assert "Traceback" not in message, message
    for case in cases:
        for words in case["says"]:
            assert words in message, message
        if "group" in case:
            assert case["name"] in message, message
