"""Guess how your own files map to foryou's inputs: ``make init INTERACTIONS=… ITEMS=…``.

What is written are the vars of ``dataset: custom``, each guess with what it rests on, and the
questions that the files could not answer.
"""

import argparse
import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path

import duckdb

# Our column → what it is called elsewhere, the best name first.
NAMES = {
    "user_id": "user_id user customer_id customer member_id member visitor_id visitor account_id "
    "account client_id client reviewer_id uid who",
    "item_id": "item_id item product_id product sku article_id article movie_id movie track_id "
    "track song_id song video_id video artist_id artist book_id book parent_asin asin isbn",
    "event_id": "event_id interaction_id row_id uuid id",
    "event_type": "event_type event action interaction_type activity type verb",
    "value": "rating value score stars overall plays play_count listens weight quantity count "
    "amount duration",
    "occurred_at": "occurred_at timestamp event_time event_timestamp created_at unix_review_time "
    "time ts datetime date at",
    "split": "split fold subset",
    "title": "title name product_name item_name label headline",
    "available_from": "available_from release_date released_at published_at launched_at "
    "launch_date created_at available_since",
    "is_available": "is_available available is_active active in_stock enabled",
    "signed_up_at": "signed_up_at signup_date registered_at registered created_at joined_at",
}
COLUMNS = {
    "interactions": "user_id item_id event_id event_type value occurred_at split",
    "items": "item_id title available_from is_available",
    "users": "user_id signed_up_at",
}
NEEDED = {"interactions": ["user_id", "item_id"], "items": ["item_id"], "users": ["user_id"]}
# Where the columns that nothing is made of are carried along.
CARRIED = {"interactions": "attributes", "items": "extra"}
# Column of an item or user → the kind of attribute that it holds.
KINDS = {
    "items": {
        **dict.fromkeys(["category", "categories", "genre", "genres"], "category"),
        **dict.fromkeys(["tag", "tags"], "tag"),
        **dict.fromkeys(["brand", "store", "maker", "label"], "brand"),
        **dict.fromkeys(["artist", "author"], "author"),
        **dict.fromkeys(["colour", "color"], "colour"),
    },
    "users": {
        **dict.fromkeys(["gender", "sex"], "gender"),
        **{kind: kind for kind in ("country", "age", "occupation", "city", "language")},
    },
}
WEIGHTS = {
    r"return|refund|dislike|skip|hide|block": -5,
    r"purchase|order|buy|bought|paid|subscribe": 5,
    r"cart|basket|wish|save|favou?rite|like|share|bookmark": 3,
    r"view|click|open|impression|visit|page": 1,
}
TIMES = ("occurred_at", "available_from", "signed_up_at")


@dataclass(frozen=True)
class Column:
    """What a column of a file holds."""

    name: str
    type: str
    n_distinct: int
    null_share: float
    time_share: float
    examples: list[str]

    @property
    def evidence(self) -> str:
        """The column in a few words."""
        examples = ", ".join(" ".join(example.split())[:30] for example in self.examples[:3])
        return f"{self.name}: {self.n_distinct:,} distinct, e.g. {examples}"


def read_columns(file: str) -> tuple[int, list[Column]]:
    """Look at a file.

    Parameters
    ----------
    file : str
        Path or glob of a Parquet, CSV or JSON file.

    Returns
    -------
    tuple
        The number of rows, and one Column for each column.

    Raises
    ------
    SystemExit
        With one line, when the file cannot be read.
    """
    with duckdb.connect() as connection:
        try:
            rows = (
                connection.read_csv(file)
                if _is_csv(file)
                else connection.sql(f"from {_text(file)}")
            )
            connection.sql("create temp table rows as select * from rows")
        except duckdb.Error as error:
            raise SystemExit(f"{file} cannot be read: {str(error).splitlines()[0]}") from None
        [(n_rows,)] = connection.sql("select count(*) from rows").fetchall()
        return n_rows, [
            _read_column(connection, name, str(kind), max(n_rows, 1))
            for name, kind in zip(rows.columns, rows.types, strict=True)
        ]


def _is_csv(file: str) -> bool:
    return re.search(r"\.(csv|tsv|txt)(\.gz|\.zst)?$", file.lower()) is not None


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _read_column(
    connection: duckdb.DuckDBPyConnection, name: str, kind: str, n_rows: int
) -> Column:
    column = '"' + name.replace('"', '""') + '"'
    # What any_to_timestamp can read, near enough: a plausible number or a date in text.
    readable = (
        f"try_cast({column}::varchar as timestamp) is not null"
        f" or try_cast({column}::varchar as double) between 3e8 and 4e18"
    )
    [(n_distinct, n_known, n_times)] = connection.sql(
        f"select count(distinct {column}), count({column}), count(*) filter ({readable}) from rows"
    ).fetchall()
    examples = connection.sql(
        f"select {column}::varchar from rows where {column} is not null"
        f" group by all order by count(*) desc, 1 limit 20"
    ).fetchall()
    return Column(
        name=name,
        type=kind,
        n_distinct=n_distinct,
        null_share=1 - n_known / n_rows,
        time_share=n_times / max(n_known, 1),
        examples=[example for (example,) in examples],
    )


def _plain(name: str) -> str:
    """``reviewerID``, ``reviewer-id`` and ``reviewer_id`` are one name."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _yaml(text: str) -> str:
    """A text as YAML takes it for a text, quoted only where it must be."""
    is_plain = re.fullmatch(r"[A-Za-z_./][\w./*-]*", text) is not None
    is_word = text.lower() in ("null", "true", "false", "yes", "no", "on", "off", "y", "n")
    return text if is_plain and not is_word else json.dumps(text, ensure_ascii=False)


def _named(names: str, columns: list[Column], taken: set[str]) -> Column | None:
    for name in names.split():
        for column in columns:
            if column.name not in taken and _plain(column.name) == _plain(name):
                return column
    return None


def guess(entity: str, n_rows: int, columns: list[Column]) -> dict[str, Column]:
    """Find the columns that an input needs among those of a file.

    Parameters
    ----------
    entity : str
        ``interactions``, ``items`` or ``users``.
    n_rows : int
        Rows of the file.
    columns : list of Column
        Its columns.

    Returns
    -------
    dict
        Our name → the column that looks like it. What nothing looks like is missing.
    """
    found: dict[str, Column] = {}
    for target in COLUMNS[entity].split():
        column = _named(NAMES[target], columns, {column.name for column in found.values()})
        if column is None:
            continue
        if target in TIMES and column.time_share < 0.95:
            continue
        # A key of events is in every row, and repeated only where a row is.
        if target == "event_id" and (column.null_share > 0 or column.n_distinct < 0.9 * n_rows):
            continue
        found[target] = column
    return found


def write_mapping(files: dict[str, str]) -> str:
    """Write the vars that read the given files.

    Parameters
    ----------
    files : dict
        ``interactions`` and, where there are any, ``items`` and ``users`` → a path.

    Returns
    -------
    str
        YAML for ``dbt build --vars``, with comments.

    Raises
    ------
    SystemExit
        With one line, when a file cannot be read.
    """
    lines = ["dataset: custom", "custom:"]
    weights: list[str] = []
    for entity, file in files.items():
        n_rows, columns = read_columns(file)
        found = guess(entity, n_rows, columns)
        lines += [f"  {entity}:", f"    file: {_yaml(file)}  # {n_rows:,} rows", "    columns:"]
        lines += [
            f"      {ours}: {_yaml(theirs.name)}  # {theirs.evidence}"
            for ours, theirs in found.items()
        ]
        lines += [
            f"      {needed}:  # QUESTION: which column is it? There is no way without one."
            for needed in NEEDED[entity]
            if needed not in found
        ]
        if entity == "interactions":
            lines += _of_times(found) + _of_event_types(found)
            weights = _weights(found)
        rest = [column for column in columns if column not in found.values()]
        kinds = [column for column in rest if _plain(column.name) in KINDS.get(entity, {})]
        carried = ", ".join(_yaml(column.name) for column in rest if column not in kinds)
        if carried and entity in CARRIED:
            lines.append(
                f"    {CARRIED[entity]}: [{carried}]  # carried along; drop what nobody needs"
            )
        if kinds:
            lines += _of_kinds(entity, file, found, kinds)
    if "items" not in files:
        lines.append("  # QUESTION: is there a table of items? Without one, lists show bare ids.")
    return "\n".join([*lines, *weights]) + "\n"


def _of_times(found: dict[str, Column]) -> list[str]:
    if "occurred_at" in found:
        return []
    return ["    # QUESTION: which column is the time (occurred_at)? Without one, folds are drawn."]


def _is_rating(found: dict[str, Column]) -> bool:
    return "value" in found and _plain(found["value"].name) in ("rating", "stars", "overall")


def _of_event_types(found: dict[str, Column]) -> list[str]:
    if "event_type" in found:
        return []
    if _is_rating(found):
        return [
            "    constants: {event_type: rating}  # no column tells events apart",
            "    # QUESTION: from which rating on is it a like? positive_thresholds says 4.",
        ]
    return ["    constants: {event_type: interaction}  # no column tells events apart"]


def _weights(found: dict[str, Column]) -> list[str]:
    """What each type of event weighs."""
    if "event_type" not in found:
        return [] if _is_rating(found) else ["event_weights: {interaction: 1}"]
    lines = ["event_weights:"]
    for event_type in found["event_type"].examples:
        matching = [w for pattern, w in WEIGHTS.items() if re.search(pattern, event_type.lower())]
        doubt = "" if matching else "  # QUESTION: what does it weigh?"
        lines.append(f"  {_yaml(event_type)}: {matching[0] if matching else 1}{doubt}")
    return lines


def _of_kinds(entity: str, file: str, found: dict[str, Column], kinds: list[Column]) -> list[str]:
    """The input of attributes that stand in columns of items or users."""
    [key] = NEEDED[entity]
    lines = [f"  {entity.removesuffix('s')}_attributes:", f"    file: {_yaml(file)}"]
    lines.append(f"    columns: {{{key}: {_yaml(found[key].name) if key in found else ''}}}")
    lines.append("    kinds:")
    for column in kinds:
        lines.append(
            f"      {KINDS[entity][_plain(column.name)]}: {_yaml(column.name)}  # {column.evidence}"
        )
    examples = [e for column in kinds if not column.type.endswith("[]") for e in column.examples]
    delimiter = next((mark for mark in "|;" if any(mark in e for e in examples)), None)
    if delimiter:
        lines.append(f'    delimiter: "{delimiter}"  # QUESTION: does it part several values?')
    return lines


def main(arguments: list[str] | None = None) -> None:
    """Run the command line.

    Parameters
    ----------
    arguments : list of str, optional
        Default: those of the process.
    """
    parser = argparse.ArgumentParser(description="Guess how your files map to foryou's inputs.")
    parser.add_argument("--interactions", required=True, help="events: Parquet, CSV or JSON")
    parser.add_argument("--items", help="items, one row each")
    parser.add_argument("--users", help="users, one row each")
    parser.add_argument("--into", type=Path, help="file to write; default: print")
    options = vars(parser.parse_args(arguments))
    into = options.pop("into")
    if not options["interactions"]:
        parser.error("name your events: make init INTERACTIONS=events.csv")
    mapping = write_mapping({entity: file for entity, file in options.items() if file})
    if into is None:
        sys.stdout.write(mapping)
    elif into.exists():
        raise SystemExit(f"{into} is there already; remove it or name another file.")
    else:
        into.write_text(mapping, encoding="utf-8")
        print(f"{into}: read it, answer its questions, then `make build VARS_FILE={into}`")


if __name__ == "__main__":
    main()
