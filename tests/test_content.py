"""TF-IDF, its decomposition and users' vectors against naive references on tiny catalogues."""

import math
import re
import sys
import types
from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from scipy.sparse import csr_matrix

from models_py.content import (
    ContentParameters,
    ProfileParameters,
    content_embeddings,
    embedding_vectors,
    encoded_texts,
    item_content_embeddings,
)

INT = pa.int32()


def table_of(names, rows, **types_of):
    """A table of these columns; keys are 32 bit integers, as in the warehouse."""
    return pa.table(
        {
            name: pa.array([row[place] for row in rows], types_of.get(name))
            for place, name in enumerate(names)
        }
    )


def test_content_agrees_with_a_naive_recommender(warehouse, small_data):
    """TF-IDF, profile and cosine once more in plain Python, for all users and films."""
    films = {
        film: (
            f"{'Old' if film < 6 else 'New'} film {film % 3} (199{film % 2})",
            ["Crime", "Drama"] if film % 3 else ["Comedy"],
        )
        for film in range(1, 14)
    }
    lines = [f"{film},{title},{'|'.join(genres)}" for film, (title, genres) in films.items()]
    variables = small_data(movies=["movieId,title,genres", *lines])
    result = warehouse.dbt(
        *("run", "--select", "+content_candidates"),
        **{"sources": ["content"], "blend_weights": {"content": 1}, "blend_weights_by_split": {}},
        **variables,
    )
    assert result.returncode == 0, result.stdout
    met = warehouse.rows(
        "select user_key, cast(item_id as integer), is_positive from folds.user_items"
        " join inputs.items using (item_key) where fold = 'live' order by user_key, recency_rank"
    )
    scores = {
        (user, film): score
        for user, film, score in warehouse.rows(
            "select user_key, cast(item_id as integer), score from candidates.content_candidates"
            " join inputs.items using (item_key) where fold = 'live'"
        )
    }

    vectors = naive_tfidf(films)
    expected = {}
    for user in {user for user, _, _ in met}:
        likes = [film for who, film, is_positive in met if who == user and is_positive]
        profile = {}
        for age, film in enumerate(likes):
            for term, weight in vectors[film].items():
                profile[term] = profile.get(term, 0) + 0.8**age * weight
        length = math.sqrt(sum(weight**2 for weight in profile.values()))
        for film in films.keys() - {film for who, film, _ in met if who == user}:
            shared = sum(profile.get(term, 0) * weight for term, weight in vectors[film].items())
            if shared:
                expected[user, film] = shared / length
    assert scores == pytest.approx(expected, abs=1e-6)
    # Nobody has touched film 13.
    assert 13 not in {film for _, film, _ in met}
    assert 13 in {film for _, film in scores}


def naive_tfidf(films):
    """Film → term → weight, a vector of length 1, by the vars' defaults."""
    counts = {}
    for film, (title, genres) in films.items():
        words = re.findall(r"\w+", title.lower())
        terms = [f"title:{word}" for word in words] + [f"category:{genre}" for genre in genres]
        counts[film] = Counter(terms)
    n_films = Counter(term for of_film in counts.values() for term in of_film)
    vectors = {}
    for film, of_film in counts.items():
        weights = {
            term: math.log(1 + count) * math.log(len(films) / n_films[term])
            for term, count in of_film.items()
            if 2 <= n_films[term] <= 0.5 * len(films)
        }
        length = math.sqrt(sum(weight**2 for weight in weights.values()))
        vectors[film] = {term: weight / length for term, weight in weights.items()}
    return vectors


TERMS = [
    (item, f"t{term}", weight)
    for item, row in enumerate(np.random.default_rng(0).random((9, 7)), 1)
    for term, weight in enumerate(row)
    if weight > 0.4
]
TERM_COLUMNS = ("item_key", "term", "weight")


def matrix_of(rows):
    places = [row[0] - 1 for row in rows], [int(row[1][1:]) for row in rows]
    return csr_matrix(([row[2] for row in rows], places))


def vectors_of(embeddings):
    return {row["item_key"]: row["embedding"] for row in embeddings.to_pylist()}


def test_a_vector_of_full_length_keeps_the_cosines():
    """With a dimension for each term nothing is lost; what is beyond them is zeros."""
    rows = matrix_of(TERMS).toarray()
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    embeddings = content_embeddings(table_of(TERM_COLUMNS, TERMS, item_key=INT), 10, 1)
    vectors = np.array(embeddings["embedding"].to_pylist())
    assert embeddings.schema.field("embedding").type == pa.list_(pa.float32(), 10)
    assert vectors @ vectors.T == pytest.approx(rows @ rows.T, abs=1e-6)
    assert not vectors[:, 7:].any()


def test_order_of_the_rows_does_not_matter():
    shuffled = [TERMS[place] for place in np.random.default_rng(1).permutation(len(TERMS))]
    both = [
        content_embeddings(table_of(TERM_COLUMNS, rows, item_key=INT), 3, 1)
        for rows in (TERMS, shuffled)
    ]
    assert both[0].equals(both[1])


def test_a_catalogue_without_terms_has_vectors_of_the_same_type():
    empty = table_of(TERM_COLUMNS, [], item_key=INT, term=pa.string(), weight=pa.float64())
    embeddings = content_embeddings(empty, 5, 1)
    assert embeddings.num_rows == 0
    assert embeddings.schema.field("embedding").type == pa.list_(pa.float32(), 5)


def test_dimensions_below_one_are_refused():
    with pytest.raises(ValueError, match="content needs dimensions"):
        ContentParameters(dimensions=0)


EMBEDDING_COLUMNS = ("item_key", "kind", "embedding")
# Item 5 has no image, item 6 no direction, and nobody has touched item 4.
TEXTS = [(1, "text", [1, 0]), (2, "text", [0, 3]), (4, "text", [3, 4]), (5, "text", [0, 1])]
IMAGES = [(1, "image", [2]), (2, "image", [-2]), (4, "image", [1]), (6, "image", [0])]


def placed(given, made=(), likes=((1, 1, True, 2), (1, 2, True, 1)), **parameters):
    """Vectors by entity and key, of one fold in which users 1 and 2 and items 1 to 6 are."""
    types_of = {"item_key": INT, "kind": pa.string(), "embedding": pa.list_(pa.float32())}
    met = [("f", *like) for like in likes]
    vectors = embedding_vectors(
        table_of(EMBEDDING_COLUMNS, given, **types_of),
        table_of(EMBEDDING_COLUMNS, made, **types_of),
        table_of(
            ("fold", "user_key", "item_key", "is_positive", "recency_rank"), met,
            fold=pa.string(), user_key=INT, item_key=INT, is_positive=pa.bool_(), recency_rank=INT,
        ),
        table_of(("fold", "user_key"), [("f", 1), ("f", 2)], user_key=INT),
        table_of(("fold", "item_key"), [("f", item) for item in range(1, 7)], item_key=INT),
        ProfileParameters(**{"history": 2, "history_decay": 0.5} | parameters),
    )  # fmt: skip
    assert vectors.schema.field("key").type == INT
    return {(row["entity"], row["key"]): row["vector"] for row in vectors.to_pylist()}


def test_a_user_is_where_the_last_likes_are():
    """(0, 1) whole and (1, 0) half, over √1.25; user 2 likes nothing and is nowhere."""
    vectors = placed(TEXTS)
    assert set(vectors) == {("item", key) for key in (1, 2, 4, 5)} | {("user", 1)}
    assert vectors["item", 4] == pytest.approx([0.6, 0.8])
    assert vectors["user", 1] == pytest.approx([0.5 / 1.25**0.5, 1 / 1.25**0.5])
    assert placed(TEXTS, history=1)["user", 1] == pytest.approx([0, 1])
    # What was met and not liked, and what has no vector, does not count.
    likes = [(1, 1, False, 1), (1, 3, True, 1), (1, 2, True, 2), (2, 1, False, 1)]
    assert placed(TEXTS, likes=likes)["user", 1] == pytest.approx([0, 1])


def test_kinds_stand_side_by_side_or_alone():
    half = 0.5**0.5
    both = placed([*TEXTS, *IMAGES])
    assert both["item", 1] == pytest.approx([half, half, 0])
    assert both["item", 4] == pytest.approx([half, half * 0.6, half * 0.8])
    assert both["item", 5] == pytest.approx([0, 0, 1])
    assert ("item", 6) not in both
    assert placed([*TEXTS, *IMAGES], kind="image")["item", 2] == [-1]


def test_own_vectors_are_used_where_none_are_given():
    assert placed([], TEXTS) == placed(TEXTS)
    assert placed(IMAGES, TEXTS) == placed(IMAGES)
    assert placed([]) == {}


@pytest.mark.parametrize(
    ("given", "kind", "words"),
    [
        (TEXTS, "image", 'no item has a vector of the kind "image"; there are those of text'),
        ([*TEXTS, (7, "text", [1])], None, 'vectors of the kind "text" differ in length: 1, 2'),
        ([(3, "text", [1, float("nan")])], None, "of item_key 3 holds what is not a number"),
    ],
)
def test_vectors_that_cannot_be_used_are_refused(given, kind, words):
    with pytest.raises(ValueError, match=words):
        placed(given, kind=kind)


ITEMS = table_of(
    ("item_key", "item_id", "title"),
    [(1, "a", "Fargo"), (2, "b", "b"), (3, "c", "c")],
    item_key=INT,
)
ATTRIBUTES = table_of(
    ("item_key", "kind", "attribute", "weight"),
    [(1, "category", "Crime", 1.0), (2, "tag", "dull", 1.0), (2, "tag", "dark", 2.0)],
    item_key=INT,
)


def test_an_encoder_that_is_missing_is_named_with_the_remedy(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match="no folder .*nowhere; put a sentence-transformers"):
        encoded_texts(ITEMS, ATTRIBUTES, str(tmp_path / "nowhere"))
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(ImportError, match=r"`pip install 'foryou\[text\]'`"):
        encoded_texts(ITEMS, ATTRIBUTES, str(tmp_path))


def test_an_encoder_reads_what_is_known_from_its_folder(tmp_path, monkeypatch):
    class Lengths:
        """A stand-in for a model: the number of letters, and 1."""

        def __init__(self, folder, local_files_only):
            assert (folder, local_files_only) == (str(tmp_path), True)

        def encode(self, texts, **_):
            assert texts == ["Fargo. Crime", "dark, dull", ""]
            return np.array([[len(text), 0.0] for text in texts], dtype=np.float32)

    module = types.SimpleNamespace(SentenceTransformer=Lengths)
    monkeypatch.setitem(sys.modules, "sentence_transformers", module)
    parameters = ContentParameters(encoder=str(tmp_path))
    made = item_content_embeddings(pa.table({}), ITEMS, ATTRIBUTES, parameters)
    assert vectors_of(made) == {1: [1, 0], 2: [1, 0]}
