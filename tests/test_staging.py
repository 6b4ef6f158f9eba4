"""The published formats: a few lines of each as in the files, and what becomes of them."""

import pytest

INPUTS = ("--selector", "inputs", "--exclude-resource-types", "unit_test")

FILES = {
    # Two colons, Latin-1, no header; people with gender, the lowest age of a group, a code.
    "ml-1m": {
        "ratings.dat": "1::1193::5::978300760\n1::73::3::978302109\n2::73::4::978298413\n",
        "movies.dat": (
            "73::Misérables, Les (1995)::Drama|Musical\n"
            "1193::One Flew Over the Cuckoo's Nest (1975)::Drama\n"
        ),
        "users.dat": "1::F::1::10::48067\n2::M::56::16::70072\n",
    },
    # Two colons, UTF-8, half stars, nothing about the people.
    "ml-10m": {
        "ratings.dat": "1::1193::5::978300760\n1::73::3.5::978302109\n2::73::4::978298413\n",
        "movies.dat": (
            "73::Misérables, Les (1995)::Drama|Musical\n"
            "1193::One Flew Over the Cuckoo's Nest (1975)::Drama\n"
        ),
    },
    # CSV with a header; titles with commas are quoted.
    "ml-25m": {
        "ratings.csv": (
            "userId,movieId,rating,timestamp\n"
            "1,1193,5.0,978300760\n1,73,3.5,978302109\n2,73,4.0,978298413\n"
        ),
        "movies.csv": (
            "movieId,title,genres\n"
            '73,"Misérables, Les (1995)",Drama|Musical\n'
            "1193,One Flew Over the Cuckoo's Nest (1975),Drama\n"
            "999,Untold (2001),(no genres listed)\n"
        ),
    },
}
ENCODINGS = {"ml-1m": "latin-1"}


@pytest.fixture(params=list(FILES))
def staged(request, warehouse, tmp_path):
    """The inputs that were built from the lines of one data set."""
    folder = tmp_path / "data" / request.param
    folder.mkdir(parents=True)
    for name, text in FILES[request.param].items():
        (folder / name).write_text(text, encoding=ENCODINGS.get(request.param, "utf-8"))
    warehouse.build(*INPUTS, dataset=request.param, data_dir=str(tmp_path / "data"))
    return request.param, warehouse


def test_published_lines_become_inputs(staged):
    dataset, warehouse = staged
    half = 3.0 if dataset == "ml-1m" else 3.5
    assert warehouse.rows(
        "select user_id, item_id, value, is_positive, cast(occurred_at as varchar), source_row"
        " from inputs.interactions inner join inputs.users using (user_key)"
        " inner join inputs.items using (item_key) order by source_row"
    ) == [
        ("1", "1193", 5.0, True, "2000-12-31 22:12:40", 1),
        ("1", "73", half, False, "2000-12-31 22:35:09", 2),
        ("2", "73", 4.0, True, "2000-12-31 21:33:33", 3),
    ]
    assert warehouse.rows("select count(*) from inputs.rejected_interactions") == [(0,)]
    titles = dict(warehouse.rows("select item_id, title from inputs.items"))
    assert titles.pop("999", "Untold (2001)") == "Untold (2001)"
    assert titles == {
        "73": "Misérables, Les (1995)",
        "1193": "One Flew Over the Cuckoo's Nest (1975)",
    }
    assert warehouse.rows(
        "select item_id, cast(available_from as varchar) from inputs.items"
        " where item_id <> '999' order by item_id"
    ) == [("1193", "1975-01-01 00:00:00"), ("73", "1995-01-01 00:00:00")]
    assert warehouse.rows(
        "select item_id, attribute from inputs.item_attributes"
        " inner join inputs.items using (item_key) where kind = 'category' order by all"
    ) == [("1193", "Drama"), ("73", "Drama"), ("73", "Musical")]
    attributes = warehouse.rows(
        "select user_id, kind, attribute from inputs.user_attributes"
        " inner join inputs.users using (user_key) order by all"
    )
    if dataset == "ml-1m":
        assert attributes == [
            ("1", "age", "1"),
            ("1", "age_group", "under 18"),
            ("1", "gender", "F"),
            ("1", "occupation", "10"),
            ("2", "age", "56"),
            ("2", "age_group", "56+"),
            ("2", "gender", "M"),
            ("2", "occupation", "16"),
        ]
    else:
        assert attributes == []
