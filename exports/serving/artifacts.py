"""What the online service reads: the tables of a build as arrays that are mapped, not loaded.

``make publish`` writes them to ``serving/`` of a run. Keys are small and dense, so that an array
has a place for each: the place of a user or an item is its key. Rows that belong to a key (a user's
history, an item's neighbours) stand together, and ``starts`` and ``ends`` say where.
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

USERS_PER_BLOCK = 1000
ROWS_PER_BATCH = 200_000
# Source → the table of items that lead to others.
NEIGHBORS = {
    "cooccurrence": "candidates.item_neighbors",
    "transitions": "candidates.item_transitions",
    "rp3beta": "candidates.rp3beta_neighbors",
}

# Dense: one row a key, from 0 to the highest; what has no row there is null, NaN in the array.
ITEM_COLUMNS = """
    select
        fold_items.item_key is not null as is_recommendable,
        epoch(items.available_from) / 86400.0 as release_day,
        cast(year(items.available_from) as float) as release_year,
        cast(coalesce(features.n_users, 0) as integer) as n_users,
        cast(coalesce(features.n_positive_users, 0) as integer) as n_positive_users,
        coalesce(features.trending_score, 0.0) as trending_score,
        features.age_days
    from range(0, (select coalesce(max(item_key), 0) + 1 from inputs.items)) as keys (key)
    left join inputs.items as items on keys.key = items.item_key
    left join (from folds.fold_items where fold = 'live') as fold_items
        on keys.key = fold_items.item_key
    left join (from features.item_features where fold = 'live') as features
        on keys.key = features.item_key
    order by keys.key
"""
USER_COLUMNS = """
    select
        features.user_key is not null as is_known,
        features.mean_release_day,
        epoch(features.last_interaction_at) as last_interaction_at
    from range(0, (select coalesce(max(user_key), 0) + 1 from inputs.users)) as keys (key)
    left join (from features.user_features where fold = 'live') as features
        on keys.key = features.user_key
    order by keys.key
"""
# Grouped: the first column is the key that rows belong to.
HISTORIES = """
    select
        user_key,
        item_key,
        is_positive,
        coalesce(weight, 0.0) as weight,
        coalesce(epoch(last_interaction_at), 'nan') as last_interaction_at
    from folds.user_items
    where fold = 'live'
    order by user_key, is_positive desc, recency_rank
"""
ATTRIBUTES = """
    select
        of_items.item_key,
        cast(numbers.number as integer) as number
    from inputs.item_attributes as of_items
    inner join numbers using (kind, attribute)
    order by of_items.item_key, numbers.number
"""
USER_ATTRIBUTES = """
    select
        of_users.user_key,
        cast(numbers.number as integer) as number
    from inputs.user_attributes as of_users
    inner join user_numbers as numbers using (kind, attribute)
    order by of_users.user_key, numbers.number
"""
SEGMENT_ITEMS = """
    select
        cast(segments.number as integer) as number,
        items.item_key,
        items.like_share,
        items.affinity
    from features.segment_item_features as items
    inner join segments using (segment)
    where items.fold = 'live'
    order by segments.number, items.like_share desc, items.item_key
"""
# What the survey makes of each attribute that can be chosen.
ATTRIBUTE_ITEMS = """
    select
        cast(numbers.number as integer) as number,
        of_attributes.item_key,
        of_attributes.weight,
        of_attributes.quality
    from candidates.attribute_items as of_attributes
    inner join numbers using (kind, attribute)
    where of_attributes.fold = 'live'
    order by numbers.number, of_attributes.rank
"""
SIMILAR_ITEMS = """
    select
        items.item_key,
        others.item_key as similar_item_key,
        similar_items.score
    from recommendations.similar_items
    inner join inputs.items as items on similar_items.item_id = items.item_id
    inner join inputs.items as others on similar_items.similar_item_id = others.item_id
    order by items.item_key, similar_items.rank
"""
EXPLORED = """
    select user_key, item_key
    from recommendations.exploration_candidates
    where fold = 'live'
    order by user_key, place
"""
SPONSORED = """
    select
        user_key,
        item_key,
        cast(dense_rank() over (order by reason) - 1 as integer) as reason
    from recommendations.sponsored_candidates
    where fold = 'live'
    order by user_key, draw, item_key
"""
LISTS = """
    select
        users.user_key,
        items.item_key,
        lists.score,
        lists.source,
        lists.slot,
        lists.reason,
        lists.reason_item_id
    from recommendations.recommendations as lists
    inner join inputs.users as users using (user_id)
    inner join inputs.items as items using (item_id)
    where lists.fold = 'live'
    order by users.user_key, lists.rank
"""


def write(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Write what the service needs of the fold ``live``.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        The warehouse, open for reading.
    folder : Path
        A folder that is empty.
    """
    # Variables and views of its own.
    cursor = connection.cursor()
    parameters = {
        name: json.loads(value)
        for name, value in cursor.execute(
            "from recommendations.serving_parameters order by name"
        ).fetchall()
    }
    parameters["cutoff_at"] = _one(
        cursor, "select epoch(cutoff_at) from folds.folds where fold = 'live'"
    )
    parameters["ranker"] = _one(
        cursor, "select ranker from ranking.ranker_choice where fold = 'live' and is_served"
    )
    parameters["als_penalty"] = _als_penalty(cursor, parameters)
    (folder / "parameters.json").write_text(json.dumps(parameters, indent=2, sort_keys=True) + "\n")

    _write_names(cursor, folder)
    _write_ranker(cursor, folder, parameters["ranker"])
    write_arrays(folder, "items", cursor.sql(ITEM_COLUMNS))
    write_arrays(folder, "users", cursor.sql(USER_COLUMNS))
    _write_features(cursor, folder)
    n_users, n_items = (
        1 + _one(cursor, f"select coalesce(max({key}), 0) from inputs.{table}")
        for key, table in (("user_key", "users"), ("item_key", "items"))
    )
    grouped = {
        "histories": (HISTORIES, n_users),
        "attributes": (ATTRIBUTES, n_items),
        "attribute_items": (ATTRIBUTE_ITEMS, _one(cursor, "select count(*) from numbers")),
        "similar_items": (SIMILAR_ITEMS, n_items),
    }
    if parameters["segment_attributes"]:
        n_segments = _one(cursor, "select count(*) from segments")
        grouped["segment_items"] = (SEGMENT_ITEMS, n_segments)
    if parameters["exploration_places"]:
        grouped["explored"] = (EXPLORED, n_users)
    if parameters["sponsored_slots"]:
        grouped["sponsored"] = (SPONSORED, n_users)
    for source, table in NEIGHBORS.items():
        # Similar items are made of the first, whether the source runs or not.
        if source == "cooccurrence" or source in parameters["sources"]:
            query = (
                f"select item_key, neighbor_item_key, score from {table}"
                " where fold = 'live' order by item_key, rank"
            )
            grouped[f"neighbors/{source}"] = (query, n_items)
    for name, (query, n_keys) in grouped.items():
        write_groups(folder, name, _batches(cursor.sql(query)), n_keys)
    write_groups(
        folder,
        "pools",
        _pools(cursor, parameters["ranker"], parameters["sources"]),
        n_users,
    )
    if "two_tower" in parameters["vector_sources"]:
        _write_user_tower(cursor, folder)
        write_groups(folder, "user_attributes", _batches(cursor.sql(USER_ATTRIBUTES)), n_users)
    for source in parameters["vector_sources"]:
        for entity in ("item", "user"):
            _write_vectors(cursor, folder, source, entity)
    _write_lists(cursor, folder, n_users)


def write_arrays(folder: Path, name: str, relation: duckdb.DuckDBPyRelation) -> None:
    """Write each column of a relation as ``<name>/<column>.npy``, in the order of its rows."""
    columns = Columns(folder / name, relation.columns)
    for batch in _batches(relation):
        columns.append(batch)
    columns.close()


def write_groups(folder: Path, name: str, batches: Iterable[pa.RecordBatch], n_keys: int) -> None:
    """Write rows that belong to keys: an array a column, and where the rows of a key are.

    Parameters
    ----------
    folder, name
        The arrays are ``<folder>/<name>/<column>.npy``.
    batches : iterable of pa.RecordBatch
        The first column is the key; rows of a key stand together, keys in any order.
    n_keys : int
        Keys are below this.
    """
    columns, n_rows = None, 0
    starts, ends = (np.zeros(n_keys, dtype=np.int64) for _ in range(2))
    for batch in batches:
        columns = columns or Columns(folder / name, batch.schema.names[1:])
        keys = batch.column(0).to_numpy()
        firsts = np.flatnonzero(np.r_[True, keys[1:] != keys[:-1]][: len(keys)])
        lasts = np.r_[firsts[1:], len(keys)][: len(firsts)]
        # A key that goes on where the batch before ended has its start already.
        is_new = ends[keys[firsts]] == 0
        starts[keys[firsts[is_new]]] = n_rows + firsts[is_new]
        ends[keys[firsts]] = n_rows + lasts
        n_rows += len(keys)
        columns.append(batch.select(batch.schema.names[1:]))
    if columns is not None:
        columns.close()
    else:
        (folder / name).mkdir(parents=True, exist_ok=True)
    np.save(folder / name / "starts.npy", starts, allow_pickle=False)
    np.save(folder / name / "ends.npy", ends, allow_pickle=False)


class Columns:
    """Arrays that are written a batch at a time, so that none stands in memory.

    Parameters
    ----------
    folder : Path
        Made here.
    names : list of str
        An array each, ``<name>.npy``, of one dimension.
    """

    def __init__(self, folder: Path, names: list[str]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.files = {name: (folder / f"{name}.npy").open("wb") for name in names}
        self.types: dict[str, np.dtype] = {}
        self.n_rows = 0

    def append(self, batch: pa.RecordBatch) -> None:
        """Add rows; all batches have the same types. What is null in a float column is NaN."""
        for name, file in self.files.items():
            values = batch.column(name).to_numpy(zero_copy_only=False)
            if not self.n_rows:
                self.types[name] = values.dtype
                self._write_header(name, 0)
            file.write(np.ascontiguousarray(values, dtype=self.types[name]).tobytes())
        self.n_rows += len(batch)

    def close(self) -> None:
        """Say how many rows there are: numpy leaves room for that in the header."""
        for name, file in self.files.items():
            if name in self.types:
                file.seek(0)
                self._write_header(name, self.n_rows)
            file.close()

    def _write_header(self, name: str, n_rows: int) -> None:
        header = {
            "descr": np.lib.format.dtype_to_descr(self.types[name]),
            "fortran_order": False,
            "shape": (n_rows,),
        }
        np.lib.format.write_array_header_1_0(self.files[name], header)


def _one(cursor: duckdb.DuckDBPyConnection, query: str):
    row = cursor.execute(query).fetchone()
    return row[0] if row else None


def _batches(relation: duckdb.DuckDBPyRelation) -> Iterator[pa.RecordBatch]:
    yield from relation.to_arrow_reader(ROWS_PER_BATCH)


def _write_names(cursor: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Number attributes and segments, and write what each number, rule and template says."""
    for numbers, attributes in (
        ("numbers", "inputs.item_attributes"),
        ("user_numbers", "inputs.user_attributes"),
    ):
        cursor.execute(
            f"""
            create or replace temp table {numbers} as
            select kind, attribute, row_number() over (order by kind, attribute) - 1 as number
            from (select distinct kind, attribute from {attributes})
            """
        )
    cursor.execute(
        """
        create or replace temp table segments as
        select segment, label, row_number() over (order by segment) - 1 as number
        from (
            select segment, any_value(segment_label) as label
            from features.user_features
            where fold = 'live' and segment is not null
            group by segment
        )
        """
    )
    for name, query in {
        "user_attribute_names": "select kind, attribute from user_numbers order by number",
        "attribute_names": "select kind, attribute from numbers order by number",
        "segments": "select segment, label from segments order by number",
        "rules": """
            select rule_id, item_key, action, value, reason
            from recommendations.rule_items
            where fold = 'live'
            order by all
        """,
        "sponsored_reasons": """
            select distinct reason
            from recommendations.sponsored_candidates
            where fold = 'live'
            order by reason
        """,
        "reason_templates": "from seeds.reason_templates order by source",
    }.items():
        cursor.sql(query).write_parquet(str(folder / f"{name}.parquet"))


def _write_ranker(cursor: duckdb.DuckDBPyConnection, folder: Path, ranker: str | None) -> None:
    """Write what the ranker that serves has learned; the blend has learned nothing."""
    if ranker in (None, "blend"):
        return
    artifact = cursor.execute(
        f"select artifact from ranking.\"{ranker}_fits\" where fold = 'live'"
    ).fetchone()[0]
    (folder / "ranker.json").write_text(artifact)


def _write_user_tower(cursor: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Write what makes a user's vector of the last actions; without likes there is none."""
    row = cursor.execute(
        "select artifact from candidates.two_tower_fits where fold = 'live'"
    ).fetchone()
    if row is not None:
        (folder / "two_tower.txt").write_text(row[0])


def _write_features(cursor: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Write the declared features of users and items, a row a key."""
    for model, key, keys in (
        ("user_features", "user_key", "inputs.users"),
        ("item_features", "item_key", "inputs.items"),
    ):
        declared = cursor.execute(
            "select column_name, type = 'numeric' from features.feature_definitions"
            " where feature_model = $1 order by feature",
            [model],
        ).fetchall()
        rows = f"""
            from range(0, (select coalesce(max({key}), 0) + 1 from {keys})) as keys (key)
            left join (from features.{model} where fold = 'live') as features
                on keys.key = features.{key}
            order by keys.key
        """
        numbers = [f'cast("{name}" as double)' for name, is_number in declared if is_number]
        categories = [f'cast("{name}" as varchar)' for name, is_number in declared if not is_number]
        _write_matrix(
            folder / f"{model}.npy",
            cursor.sql(f"select {', '.join(numbers) or 'null'} {rows}"),
            len(numbers),
        )
        if categories:
            names = [name for name, is_number in declared if not is_number]
            selected = ", ".join(
                f'{category} as "{name}"' for category, name in zip(categories, names, strict=True)
            )
            cursor.sql(f"select {selected} {rows}").write_parquet(
                str(folder / f"{model}_categories.parquet")
            )


def _write_matrix(path: Path, relation: duckdb.DuckDBPyRelation, n_columns: int) -> None:
    n_rows = len(relation)
    matrix = np.lib.format.open_memmap(path, mode="w+", dtype=np.float64, shape=(n_rows, n_columns))
    first = 0
    for batch in _batches(relation):
        for place in range(n_columns):
            matrix[first : first + len(batch), place] = batch.column(place).to_numpy(
                zero_copy_only=False
            )
        first += len(batch)
    matrix.flush()


def _pools(
    cursor: duckdb.DuckDBPyConnection, ranker: str | None, sources: list[str]
) -> Iterator[pa.RecordBatch]:
    """The candidates that the ranker that serves looked at, a block of users at a time."""
    pool = "ranking.blend_ranked_candidates" if ranker == "blend" else "ranking.candidate_pool"
    said = ", ".join(
        f"cast(scores.{source}_rank as float) as {source}_rank,"
        f" cast(scores.{source}_score as float) as {source}_score"
        for source in sources
    )
    query = f"""
        select pool.user_key, pool.item_key, pool.score, {said}
        from {pool} as pool
        inner join ranking.candidate_scores as scores using (fold, user_key, item_key)
        where
            pool.fold = 'live'
            and pool.user_key between getvariable('first_user') and getvariable('last_user')
        order by pool.user_key, pool.rank
    """
    users = cursor.sql(
        "select user_key from folds.fold_users where fold = 'live' order by user_key"
    )
    users = [user for (user,) in users.fetchall()]
    cursor.execute("set variable current_fold = 'live'")
    for start in range(0, len(users), USERS_PER_BLOCK):
        block = users[start : start + USERS_PER_BLOCK]
        cursor.execute("set variable first_user = $1", [block[0]])
        cursor.execute("set variable last_user = $1", [block[-1]])
        yield from _batches(cursor.sql(query))


def _write_vectors(
    cursor: duckdb.DuckDBPyConnection, folder: Path, source: str, entity: str
) -> None:
    """Write the vectors of a source as a matrix, and whose they are, in the order of keys."""
    where = "where fold = 'live' and source = $source and entity = $entity"
    rows = cursor.execute(
        f"select count(*), coalesce(max(len(vector)), 0) from candidates.vectors {where}",
        {"source": source, "entity": entity},
    ).fetchone()
    (folder / "vectors").mkdir(exist_ok=True)
    matrix = np.lib.format.open_memmap(
        folder / "vectors" / f"{source}.{entity}.npy", mode="w+", dtype=np.float32, shape=rows
    )
    keys = np.empty(rows[0], dtype=np.int32)
    reader = cursor.execute(
        f"select key, vector from candidates.vectors {where} order by key",
        {"source": source, "entity": entity},
    ).to_arrow_reader(ROWS_PER_BATCH)
    first = 0
    for batch in reader:
        rows_of_batch = slice(first, first + len(batch))
        keys[rows_of_batch] = batch.column(0).to_numpy()
        matrix[rows_of_batch] = (
            batch.column(1).flatten().to_numpy().reshape(len(batch), matrix.shape[1])
        )
        first += len(batch)
    matrix.flush()
    np.save(folder / "vectors" / f"{source}.{entity}_keys.npy", keys, allow_pickle=False)


def _write_lists(cursor: duckdb.DuckDBPyConnection, folder: Path, n_users: int) -> None:
    """Write the lists as they were published: numbers as arrays, words as Arrow that is mapped."""
    reader = cursor.sql(LISTS).to_arrow_reader(ROWS_PER_BATCH)
    words = ["source", "slot", "reason", "reason_item_id"]

    def numbers() -> Iterator[pa.RecordBatch]:
        schema = pa.schema([reader.schema.field(name) for name in words])
        with pa.ipc.new_file(folder / "list_words.arrow", schema) as file:
            for batch in reader:
                file.write_batch(batch.select(words))
                yield batch.select(["user_key", "item_key", "score"])

    write_groups(folder, "lists", numbers(), n_users)


def _als_penalty(cursor: duckdb.DuckDBPyConnection, parameters: dict) -> float:
    """The L2 penalty that ALS was fitted with, as models_py.als works it out of the likes."""
    total, n_rows = cursor.execute(
        """
        select coalesce(sum(weight), 0.0), count(distinct user_key) + count(distinct item_key)
        from folds.user_items
        where fold = 'live' and is_positive
        """
    ).fetchone()
    mean_confidence = 2 * parameters["als_alpha"] * total / max(1, n_rows)
    return parameters["als_regularization"] * mean_confidence
