"""The published formats: a few lines of each as in the files, and what becomes of them."""

import ast
import gzip
import json

import duckdb
import jinja2
import pytest
from conftest import ROOT
from hypothesis import given
from hypothesis import strategies as st

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
        "tags.dat": '1::73::Épique::1215184630\n2::73::épique ::1215184631\n2::73::"epic"::1\n',
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
        # The same tag of the same person counts once, whatever its case.
        "tags.csv": (
            "userId,movieId,tag,timestamp\n"
            "1,73,Épique,1139045764\n1,73,épique,1139045765\n2,73,épique ,1139045766\n"
            '2,73,"so ""sad"", so # sad",1139045767\n2,73," ",1139045768\n'
        ),
        "links.csv": "movieId,imdbId,tmdbId\n73,0113828,48787\n1193,0073486,\n",
        "genome-tags.csv": "tagId,tag\n1,007\n2,based on a book\n",
        "genome-scores.csv": (
            "movieId,tagId,relevance\n73,1,0.02875\n73,2,0.9755\n1193,1,0.4999\n1193,2,0.5\n"
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

    assert (
        warehouse.rows(
            "select item_id, kind, attribute, weight from inputs.item_attributes"
            " inner join inputs.items using (item_key) where kind <> 'category' order by all"
        )
        == {
            "ml-1m": [],
            "ml-10m": [("73", "tag", '"epic"', 1.0), ("73", "tag", "épique", 2.0)],
            "ml-25m": [
                ("1193", "genome_tag", "based on a book", 0.5),
                ("73", "genome_tag", "based on a book", 0.9755),
                ("73", "tag", 'so "sad", so # sad', 1.0),
                ("73", "tag", "épique", 2.0),
            ],
        }[dataset]
    )
    links = {"73": {"imdb_id": "0113828", "tmdb_id": "48787"}, "1193": {"imdb_id": "0073486"}}
    assert {
        item_id: json.loads(extra)
        for item_id, extra in warehouse.rows(
            "select item_id, extra from inputs.items where item_id <> '999'"
        )
    } == {
        item_id: {"year": year} | (links[item_id] if dataset == "ml-25m" else {})
        for item_id, year in [("73", 1995), ("1193", 1975)]
    }


def write(folder, files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8", newline="")


def test_optional_files_are_read_from_when_they_are_there(warehouse, tmp_path):
    """Nothing but the files changes between the builds, so dbt parses once."""
    folder = tmp_path / "ml-25m"
    files = FILES["ml-25m"]
    optional = {name for name in files if name not in ("ratings.csv", "movies.csv")}
    select = ("--select", "path:models/staging/movielens_csv")
    kinds = "select kind, count(*) from staging.stg_movielens_csv__item_attributes group by all"

    def build(**more):
        return warehouse.dbt("build", *select, dataset="ml-25m", data_dir=str(tmp_path), **more)

    write(folder, {name: files[name] for name in files if name not in optional})
    assert build().returncode == 0
    assert dict(warehouse.rows(kinds)) == {"category": 3}
    extra = "select extra from staging.stg_movielens_csv__items order by source_row limit 1"
    assert warehouse.rows(extra) == [('{"year":1995}',)]

    write(folder, {name: files[name] for name in optional})
    assert build().returncode == 0
    assert dict(warehouse.rows(kinds)) == {"category": 3, "tag": 2, "genome_tag": 2}
    assert "0113828" in warehouse.rows(extra)[0][0]

    # One file of the genome without the other says nothing; the threshold is the owner's.
    (folder / "genome-tags.csv").unlink()
    assert build().returncode == 0
    assert dict(warehouse.rows(kinds)) == {"category": 3, "tag": 2}
    write(folder, {"genome-tags.csv": files["genome-tags.csv"]})
    assert build(genome_min_relevance=0.02).returncode == 0
    assert dict(warehouse.rows(kinds)) == {"category": 3, "tag": 2, "genome_tag": 4}
    refused = build(genome_min_relevance=1.5)
    assert "genome_min_relevance: must be at least 0 and at most 1, is 1.5" in refused.stdout

    # An optional file that is there must be what it says.
    write(folder, {"links.csv": "movieId,imdb\n73,1\n"})
    refused = build()
    assert refused.returncode != 0
    assert "links.csv) has no column imdbId, tmdbId" in refused.stdout


def staging_of(warehouse, data, dataset, files):
    """Build the staging models of a data set; return a function that reads one of them.

    A column that a data set has not is null, as it is to the inputs; events come numbered.
    """
    folder = dataset.replace("-", "_")
    write(data / dataset, files)
    warehouse.build(
        *("--select", f"path:models/staging/{folder}", "+numbered_interactions"),
        *("--indirect-selection", "cautious"),
        dataset=dataset,
        data_dir=str(data),
    )

    def rows(entity, columns):
        staged = f"staging.stg_{folder}__{entity}"
        if entity == "interactions":
            staged = "inputs.numbered_interactions"
        absent = "select null as extra, null as available_from, null as signed_up_at where false"
        source = f"{absent} union all by name select * from {staged}"
        return warehouse.rows(f"select {columns} from ({source}) order by all")

    return rows


EVENT = (
    "source_row, user_id, item_id, event_type, value, value_text,"
    " cast(occurred_at as varchar), occurred_at_text, surplus_text, attributes, source_file"
)
PROFILE = "user_id, cast(signed_up_at as varchar)"


def test_lastfm_2k(warehouse, tmp_path):
    """Tabs, a header, carriage returns; a quotation mark is a letter."""
    lines = {
        "user_artists.dat": ["userID\tartistID\tweight", "2\t1686\t13883", "3\t2\t1"],
        "artists.dat": [
            "id\tname\turl\tpictureURL",
            "2\tDiary of Dreams\thttp://www.last.fm/music/Diary+of+Dreams\thttp://a/b.jpg",
            '1686\t"Weird Al" Yankovic\thttp://www.last.fm/music/%22Weird+Al%22\t',
            '3147\tLee "Scratch # Perry\t\t',
        ],
        "tags.dat": ["tagID\ttagValue", "1\tmetal", "2\tMetal ", "3\ttropicália"],
        "user_taggedartists.dat": [
            "userID\tartistID\ttagID\tday\tmonth\tyear",
            "2\t2\t1\t1\t4\t2009",
            "2\t2\t2\t1\t4\t2009",
            "3\t2\t1\t1\t1\t1956",
            "3\t1686\t3\t1\t4\t2009",
        ],
        "user_friends.dat": ["userID\tfriendID", "2\t3", "3\t2"],
    }
    files = {name: "".join(f"{line}\r\n" for line in lines[name]) for name in lines}
    rows = staging_of(warehouse, tmp_path, "lastfm-2k", files)
    assert rows("interactions", EVENT) == [
        (1, "2", "1686", "play", 13883.0, "13883", *[None] * 4, "user_artists.dat"),
        (2, "3", "2", "play", 1.0, "1", *[None] * 4, "user_artists.dat"),
    ]
    items = rows("items", "source_row, item_id, title, extra, is_available, available_from")
    assert [(*item[:3], json.loads(item[3] or "null"), *item[4:]) for item in items] == [
        (
            *(1, "2", "Diary of Dreams"),
            {
                "url": "http://www.last.fm/music/Diary+of+Dreams",
                "picture_url": "http://a/b.jpg",
            },
            *(True, None),
        ),
        (
            *(2, "1686", '"Weird Al" Yankovic'),
            {"url": "http://www.last.fm/music/%22Weird+Al%22"},
            *(True, None),
        ),
        (3, "3147", 'Lee "Scratch # Perry', None, True, None),
    ]
    assert rows("item_attributes", "item_id, kind, attribute, weight") == [
        ("1686", "tag", "tropicália", 1.0),
        ("2", "tag", "metal", 3.0),
    ]
    assert rows("users", PROFILE) == [("2", None), ("3", None)]
    assert rows("user_relations", "user_id, related_user_id, kind") == [
        ("2", "3", "friend"),
        ("3", "2", "friend"),
    ]


def test_lastfm_360k(warehouse, tmp_path):
    """Tabs, no header; some artists have no MusicBrainz id, one line has too many fields."""
    anna = "00000c289a1829a808ac09c00daf10bc3c4e223b"
    bert = "00001411dc427966b17297bf4d69e7e193135d89"
    mbid = "3bd73256-3905-4f3a-97e2-8b341527f805"
    plays = "usersha1-artmbid-artname-plays.tsv"
    files = {
        plays: (
            f"{anna}\t{mbid}\tbetty blowtorch\t2137\n"
            f'{anna}\t\tDie "Ärzte" \t1099\n'
            f'{bert}\t\tdie "ärzte"\t12\n'
            f"{bert}\t{mbid}\tBetty Blowtorch\tmany\n"
            f"{bert}\t\t\t3\n"
            f"sep 20, 2008\t{bert}\t{mbid}\tbetty blowtorch\t\t7\n"
        ),
        "usersha1-profile.tsv": (
            f"{anna}\tf\t22\tGermany\tFeb 1, 2007\n{bert}\tm\t\tCanada\tDec 14, 2007\n"
            "000063d3fe1cf2ba248b9e3c3f0334845a27a6be\t\t\tMexico\t\n"
        ),
    }
    rows = staging_of(warehouse, tmp_path, "lastfm-360k", files)
    assert rows("interactions", EVENT) == [
        (1, anna, mbid, "play", 2137.0, "2137", *[None] * 4, plays),
        (2, anna, 'name:die "ärzte"', "play", 1099.0, "1099", *[None] * 4, plays),
        (3, bert, 'name:die "ärzte"', "play", 12.0, "12", *[None] * 4, plays),
        (4, bert, mbid, "play", None, "many", *[None] * 4, plays),
        (5, bert, None, "play", 3.0, "3", *[None] * 4, plays),
        (6, "sep 20, 2008", bert, "play", None, "betty blowtorch", None, None, "7", None, plays),
    ]
    assert rows("items", "source_row, item_id, title, extra, is_available, available_from") == [
        (1, mbid, "betty blowtorch", None, True, None),
        (2, 'name:die "ärzte"', 'Die "Ärzte"', None, True, None),
    ]
    assert rows("users", PROFILE) == [
        (anna, "2007-02-01 00:00:00"),
        (bert, "2007-12-14 00:00:00"),
        ("000063d3fe1cf2ba248b9e3c3f0334845a27a6be", None),
    ]
    assert rows("user_attributes", "user_id, kind, attribute") == [
        (anna, "age", "22"),
        (anna, "country", "Germany"),
        (anna, "gender", "F"),
        (bert, "country", "Canada"),
        (bert, "gender", "M"),
        ("000063d3fe1cf2ba248b9e3c3f0334845a27a6be", "country", "Mexico"),
    ]


def test_lastfm_1k(warehouse, tmp_path):
    """Tabs; every listen with its time and track, people under a header that begins with #."""
    artist, track = "f1b1cf71-bd35-4e99-8624-24a6e15f133a", "e95a3c5f-4d4e-4f4e-9d3f-0f7d8f4f8f5a"
    listens = "userid-timestamp-artid-artname-traid-traname.tsv"
    files = {
        listens: (
            f"user_000001\t2009-05-04T23:08:57Z\t{artist}\tDeep Dish\t{track}\tFlashdance # 1\n"
            'user_000001\t2009-05-04T13:54:10Z\t\t坂本龍一\t\tComposition "0919"\n'
            f"user_000002\tyesterday\t{artist}\tdeep dish\t\n"
            f"user_000002\t2009-01-01T00:00:00Z\t{artist}\tdeep dish\t\tone\ttwo\tthree\n"
        ),
        "userid-profile.tsv": (
            "#id\tgender\tage\tcountry\tregistered\n"
            "user_000001\tm\t\tJapan\tAug 13, 2006\nuser_000002\tf\t24\t\t\n"
        ),
    }
    rows = staging_of(warehouse, tmp_path, "lastfm-1k", files)
    events = rows("interactions", EVENT)
    assert [(*e[:9], json.loads(e[9] or "null"), e[10]) for e in events] == [
        (
            *(1, "user_000001", artist, "play", None, None),
            *("2009-05-04 23:08:57", "2009-05-04T23:08:57Z", None),
            {"track_mbid": track, "track_name": "Flashdance # 1"},
            listens,
        ),
        (
            *(2, "user_000001", "name:坂本龍一", "play", None, None),
            *("2009-05-04 13:54:10", "2009-05-04T13:54:10Z", None),
            {"track_name": 'Composition "0919"'},
            listens,
        ),
        (
            *(3, "user_000002", artist, "play", None, None),
            *(None, "yesterday", None, None, listens),
        ),
        (
            *(4, "user_000002", artist, "play", None, None),
            *("2009-01-01 00:00:00", "2009-01-01T00:00:00Z", "two three"),
            {"track_name": "one"},
            listens,
        ),
    ]
    assert rows("items", "source_row, item_id, title, extra, is_available, available_from") == [
        (1, artist, "Deep Dish", None, True, None),
        (2, "name:坂本龍一", "坂本龍一", None, True, None),
    ]
    assert rows("users", PROFILE) == [
        ("user_000001", "2006-08-13 00:00:00"),
        ("user_000002", None),
    ]
    assert rows("user_attributes", "user_id, kind, attribute") == [
        ("user_000001", "country", "Japan"),
        ("user_000001", "gender", "M"),
        ("user_000002", "age", "24"),
        ("user_000002", "gender", "F"),
    ]


# ---------- Amazon ----------

EVENTS = (
    "select user_id, item_id, value, cast(occurred_at as varchar), attributes, source_row"
    " from inputs.interactions inner join inputs.users using (user_key)"
    " inner join inputs.items using (item_key) order by source_row"
)
ITEMS = "select item_id, title, extra from inputs.items order by item_id"
ATTRIBUTES = (
    "select item_id, kind, attribute from inputs.item_attributes"
    " inner join inputs.items using (item_key) order by all"
)
RELATIONS = (
    "select i.item_id, r.item_id, kind from inputs.item_relations inner join inputs.items as i"
    " using (item_key) inner join inputs.items as r on related_item_key = r.item_key order by all"
)
REFUSED = (
    "select reason, user_id, surplus, source_file, source_row"
    " from inputs.rejected_interactions order by source_row"
)


def lay(folder, files: dict) -> None:
    """Write files, lists as one object a line; what ends in .gz is packed."""
    folder.mkdir(parents=True)
    for name, content in files.items():
        if isinstance(content, list):
            lines = [line if isinstance(line, str) else json.dumps(line) for line in content]
            content = "".join(f"{line}\n" for line in lines)
        packed = gzip.compress(content.encode()) if name.endswith(".gz") else content.encode()
        (folder / name).write_bytes(packed)


@pytest.fixture
def stage(warehouse, tmp_path):
    """Builds the inputs from the files of a data set, however many rows are refused."""

    def build(dataset: str, files: dict, **variables):
        lay(tmp_path / "data" / dataset, files)
        variables |= {"data_dir": str(tmp_path / "data"), "rejected_share_limit": 1}
        result = warehouse.dbt("build", *INPUTS, dataset=dataset, **variables)
        assert result.returncode == 0, result.stdout
        return result.stdout

    return build


def test_amazon_2023(stage, warehouse):
    review = {
        "rating": 5.0,
        "title": "Such a lovely scent",
        "text": "It is \"light\", and doesn't linger.\nI'd buy it again \u2014 twice.",
        "images": [],
        "asin": "B00YQ6X8EO",
        "parent_asin": "B00YQ6X8EO",
        "user_id": "AGKHLEW2SOWHNMFQIJGBECAF7INQ",
        "timestamp": 1588687728923,
        "helpful_vote": 2,
        "verified_purchase": True,
    }
    sparse = {"rating": 3.0, "parent_asin": "B081TJ8YS3", "user_id": "AE74"}
    sparse["timestamp"] = 978300760001
    wrong = {**review, "user_id": "AE75", "rating": "great"}
    broken = json.dumps(review)[:60]
    product = {
        "main_category": "All Beauty",
        "title": "Howard Products LC0008 Leather Conditioner, 8-Ounce",
        "average_rating": 4.8,
        "rating_number": 10,
        "features": ["Cleans", "Conditions"],
        "description": ["For leather, old or new.", ""],
        "price": 19.99,
        "images": [
            {"thumb": "t.jpg", "large": "l.jpg", "variant": "MAIN", "hi_res": None},
            {"thumb": "u.jpg", "large": "m.jpg", "variant": "PT01", "hi_res": "h.jpg"},
        ],
        "videos": [],
        "store": "Howard Products",
        "categories": ["Beauty", "Care", "Beauty"],
        "details": {"Package Dimensions": "7.1 x 5.5", "UPC": "617390882781"},
        "parent_asin": "B00YQ6X8EO",
        "bought_together": ["B081TJ8YS3", "B000000000"],
    }
    bare = {
        "main_category": "Premium Beauty",
        "title": "Yes to Tomatoes",
        "features": [],
        "description": [],
        "price": "\u2014",
        "images": [],
        "store": None,
        "categories": [],
        "parent_asin": "B081TJ8YS3",
        "bought_together": None,
    }
    odd = {"parent_asin": "B08BZ63GMJ", "title": "", "price": "from 14.99", "images": "none"}
    out = stage(
        "amazon-2023",
        {
            "All_Beauty.jsonl.gz": [review, broken, "", sparse, "[1]", wrong, {"user_id": "AE76"}],
            # Where a file lies there both ways, the plain one is read.
            "meta_All_Beauty.jsonl": [product, '{"title": ', bare, odd],
            "meta_All_Beauty.jsonl.gz": [{"parent_asin": "B0", "title": "not read"}],
        },
    )
    details = {"asin": "B00YQ6X8EO", "helpful_vote": 2, "verified_purchase": True}
    first, second = warehouse.rows(EVENTS)
    assert json.loads(first[4]) == details
    assert first[:4] + first[5:] == (
        *("AGKHLEW2SOWHNMFQIJGBECAF7INQ", "B00YQ6X8EO", 5.0, "2020-05-05 14:08:48.923", 1),
    )
    assert second == ("AE74", "B081TJ8YS3", 3.0, "2000-12-31 22:12:40.001", None, 4)
    file = "All_Beauty.jsonl.gz"
    assert warehouse.rows(REFUSED) == [
        ("line cannot be read", None, broken, file, 2),
        ("line cannot be read", None, "[1]", file, 5),
        ("value is not a number", "AE75", None, file, 6),
        ("item_id is missing", "AE76", None, file, 7),
    ]
    assert warehouse.rows(ITEMS) == [
        ("B00YQ6X8EO", product["title"], '{"price":19.99,"image":"l.jpg"}'),
        ("B081TJ8YS3", "Yes to Tomatoes", None),
        ("B08BZ63GMJ", "B08BZ63GMJ", None),
    ]
    assert warehouse.rows(ATTRIBUTES) == [
        ("B00YQ6X8EO", "brand", "Howard Products"),
        ("B00YQ6X8EO", "category", "Beauty"),
        ("B00YQ6X8EO", "category", "Care"),
        ("B00YQ6X8EO", "text", "Cleans Conditions For leather, old or new."),
        ("B081TJ8YS3", "category", "Premium Beauty"),
    ]
    assert warehouse.rows(RELATIONS) == [("B00YQ6X8EO", "B081TJ8YS3", "bought_together")]
    # The line that could not be read is counted.
    assert "WARN 1 not_null_stg_amazon_2023__items_item_id" in out


@pytest.mark.parametrize(
    ("dataset", "reviews"),
    [("amazon-2018", "Gift_Cards_5.json.gz"), ("amazon-2014", "reviews_Gift_Cards_5.json.gz")],
)
def test_amazon_2018_in_json_and_2014_in_python(stage, warehouse, dataset, reviews):
    of_2018 = {
        "overall": 5.0,
        "vote": "1,234",
        "verified": True,
        "reviewTime": "01 1, 2018",
        "reviewerID": "AUI6WTTT0QZYS",
        "asin": "5120053084",
        "style": {"Size:": "Large"},
        "reviewerName": "Abbey",
        "reviewText": "I now have 4 of the 5 available colors",
        "summary": "Comfy, flattering",
        "unixReviewTime": 1514764800,
    }
    of_2014 = {
        "reviewerID": "A2SUAM1J3GNN3B",
        "asin": "0000013714",
        "reviewerName": "J. McDonald",
        "helpful": [2, 3],
        "reviewText": "I bought this for my husband, who doesn't play.",
        "overall": 4.0,
        "summary": "Heavenly",
        "unixReviewTime": 1252800000,
        "reviewTime": "09 13, 2009",
    }
    product_of_2018 = {
        "category": ["All Beauty", "Hair"],
        "description": ["Loud 'N Clear", ""],
        "title": "Loud &amp; Clear",
        "also_buy": ["0000013714"],
        "image": ["one.jpg", "two.jpg"],
        "brand": "idea village",
        "feature": ["Small"],
        "rank": "2,938,573 in Beauty",
        "also_view": ["0000013714", "0000013714"],
        "main_cat": "All Beauty",
        "price": "$1,299.00",
        "asin": "5120053084",
    }
    product_of_2014 = {
        "asin": "0000013714",
        "title": 'A 12" record, it\'s \\ "new"',
        "description": "Hymns, True or None: it's\tgood \u2014 \u00e9t\u00e9",
        "price": 3.17,
        "imUrl": "http://a/51fAmVkTbyL._SY300_.jpg",
        "related": {
            "also_bought": ["5120053084"],
            "also_viewed": ["5120053084"],
            "bought_together": ["5120053084"],
            "buy_after_viewing": ["5120053084"],
        },
        "salesRank": {"Toys & Games": 211836},
        "brand": "Coxlures",
        "categories": [["Sports", "Dance"], ["Sports", "Music"]],
        "is_new": True,
        "note": None,
    }
    broken = "{'asin': '1', 'title': 'cut off"
    out = stage(
        dataset,
        {
            reviews: [of_2018, of_2014, ascii({**of_2014, "asin": "1"}), broken],
            "meta_Gift_Cards.json.gz": [product_of_2018, ascii(product_of_2014), broken, "no"],
        },
        amazon_category="Gift_Cards",
    )
    votes = {"helpful_vote": 2, "total_vote": 3}
    assert [(*row[:4], json.loads(row[4]), row[5]) for row in warehouse.rows(EVENTS)] == [
        (
            *("AUI6WTTT0QZYS", "5120053084", 5.0, "2018-01-01 00:00:00"),
            {"helpful_vote": 1234, "verified_purchase": True},
            1,
        ),
        ("A2SUAM1J3GNN3B", "0000013714", 4.0, "2009-09-13 00:00:00", votes, 2),
        ("A2SUAM1J3GNN3B", "1", 4.0, "2009-09-13 00:00:00", votes, 3),
    ]
    assert warehouse.rows(REFUSED) == [("line cannot be read", None, broken, reviews, 4)]
    assert warehouse.rows(ITEMS) == [
        (
            *("0000013714", product_of_2014["title"]),
            '{"price":3.17,"image":"http://a/51fAmVkTbyL._SY300_.jpg"}',
        ),
        ("1", "1", None),
        ("5120053084", "Loud &amp; Clear", '{"price":1299.0,"image":"one.jpg"}'),
    ]
    assert warehouse.rows(ATTRIBUTES) == [
        ("0000013714", "brand", "Coxlures"),
        ("0000013714", "category", "Dance"),
        ("0000013714", "category", "Music"),
        ("0000013714", "category", "Sports"),
        ("0000013714", "text", product_of_2014["description"]),
        ("5120053084", "brand", "idea village"),
        ("5120053084", "category", "All Beauty"),
        ("5120053084", "category", "Hair"),
        ("5120053084", "text", "Small Loud 'N Clear"),
    ]
    assert warehouse.rows(RELATIONS) == [
        ("0000013714", "5120053084", "also_bought"),
        ("0000013714", "5120053084", "also_viewed"),
        ("0000013714", "5120053084", "bought_together"),
        ("0000013714", "5120053084", "buy_after_viewing"),
        ("5120053084", "0000013714", "also_bought"),
        ("5120053084", "0000013714", "also_viewed"),
    ]
    assert "WARN 2 not_null_stg_amazon_2018__items_item_id" in out


@pytest.mark.parametrize(
    ("dataset", "file", "header", "line"),
    [
        (
            *("amazon-2023-ratings", "All_Beauty.csv.gz"),
            *("user_id,parent_asin,rating,timestamp\n", "{user},{item},{rating},{seconds}000"),
        ),
        ("amazon-2018-ratings", "All_Beauty.csv", "", "{item},{user},{rating},{seconds}"),
        ("amazon-2014-ratings", "ratings_All_Beauty.csv", "", "{user},{item},{rating},{seconds}"),
    ],
)
def test_amazon_ratings(dataset, file, header, line, stage, warehouse):
    a, b, c = (
        line.format(user=user, item=item, rating=rating, seconds=seconds)
        for user, item, rating, seconds in [
            ("A39HTATAQ9V7YF", "0205616461", "5.0", 1369699200),
            ("A3JM6GV9MNOF9X", "0558925278", "3.0", 1355443200),
            ("A1Z513UWSAAO0F", "0558925278", "?", 1404691200),
        ]
    )
    stage(dataset, {file: f"{header}{a}\n{b}\n{c}\n{a},more\n"})
    assert warehouse.rows(EVENTS) == [
        ("A39HTATAQ9V7YF", "0205616461", 5.0, "2013-05-28 00:00:00", None, 1),
        ("A3JM6GV9MNOF9X", "0558925278", 3.0, "2012-12-14 00:00:00", None, 2),
    ]
    assert warehouse.rows(REFUSED) == [
        ("value is not a number", "A1Z513UWSAAO0F", None, file, 3),
        ("line has too many fields", "A39HTATAQ9V7YF", "more", file, 4),
    ]


def test_amazon_grocery(warehouse, tmp_path):
    folder = tmp_path / "data" / "amazon-grocery"
    folder.mkdir(parents=True)
    with duckdb.connect() as connection:
        connection.sql(
            "select * from (values (2177, 3, 965779200), (4161, 1, 1068249600),"
            " (4161, 3, 978300760)) as t (user_id, item_id, timestamp)"
        ).write_parquet(str(folder / "grocery_5core_interactions.parquet"))
        connection.sql(
            "select * from (values (1, 0, [3, 4], [3]), (3, 21, [1], []), (4, null, null, null))"
            " as t (item_id, i_category, r_complement, r_substitute)"
        ).write_parquet(str(folder / "grocery_5core_items.parquet"))
    warehouse.build(*INPUTS, dataset="amazon-grocery", data_dir=str(tmp_path / "data"))
    assert warehouse.rows(EVENTS) == [
        ("2177", "3", None, "2000-08-09 00:00:00", None, 1),
        ("4161", "1", None, "2003-11-08 00:00:00", None, 2),
        ("4161", "3", None, "2000-12-31 22:12:40", None, 3),
    ]
    # Any purchase is a like.
    assert warehouse.rows(
        "select distinct event_type, weight, is_positive from inputs.interactions"
    ) == [("purchase", 1.0, True)]
    assert warehouse.rows(ITEMS) == [("1", "1", None), ("3", "3", None), ("4", "4", None)]
    assert warehouse.rows(ATTRIBUTES) == [
        ("1", "category", "category 0"),
        ("3", "category", "category 21"),
    ]
    assert warehouse.rows(RELATIONS) == [
        ("1", "3", "complement"),
        ("1", "3", "substitute"),
        ("1", "4", "complement"),
        ("3", "1", "complement"),
    ]


def test_open_bandit(warehouse, tmp_path):
    """A campaign is an experiment of two policies; whoever was shown something is a user."""
    folder = tmp_path / "data" / "open-bandit"
    folder.mkdir(parents=True)
    with duckdb.connect() as connection:
        connection.sql(
            "select * from (values"
            " ('random', 'men', '2019-11-24 00:00:34.5+00:00', 7, 2, 1, 0.25),"
            " ('bts', 'men', '2019-11-24 01:00:00+00:00', 8, 1, 0, 0.5)) as t (behavior_policy,"
            " campaign, timestamp, item_id, position, click, propensity_score)"
        ).write_parquet(str(folder / "obd_sample_log.parquet"))
        connection.sql(
            "select * from (values (7, 0.5, 'ab', 'cd', 'ef', 'men'),"
            " (8, 0.5, 'ab', null, 'ef', 'men'), (7, 0.5, 'xy', 'cd', 'ef', 'all')) as t (item_id,"
            " item_feature_0, item_feature_1, item_feature_2, item_feature_3, campaign)"
        ).write_parquet(str(folder / "obd_item_context.parquet"))
    variables = {"dataset": "open-bandit", "data_dir": str(tmp_path / "data")}
    warehouse.build(*INPUTS, **variables, event_weights={"click": 1})
    assert warehouse.rows(EVENTS) == [
        ("men/random/1", "men/7", None, "2019-11-24 00:00:34.5", None, 1)
    ]
    assert [item for item, *_ in warehouse.rows(ITEMS)] == ["all/7", "men/7", "men/8"]
    assert warehouse.rows(ATTRIBUTES) == [
        ("all/7", "brand", "cd"),
        ("all/7", "campaign", "all"),
        ("all/7", "category", "xy"),
        ("men/7", "brand", "cd"),
        ("men/7", "campaign", "men"),
        ("men/7", "category", "ab"),
        ("men/8", "campaign", "men"),
        ("men/8", "category", "ab"),
    ]
    assert warehouse.rows(
        "select user_id, item_id, placement, policy, position, propensity, clicked"
        " from inputs.impressions inner join inputs.users using (user_key)"
        " inner join inputs.items using (item_key) order by user_id"
    ) == [
        ("men/bts/2", "men/8", "men", "bts", 1, 0.5, False),
        ("men/random/1", "men/7", "men", "random", 2, 0.25, True),
    ]
    assert warehouse.rows(
        "select user_id, experiment, variant from inputs.experiment_assignments"
        " inner join inputs.users using (user_key) order by user_id"
    ) == [("men/bts/2", "men", "bts"), ("men/random/1", "men", "random")]


def test_amazon_category_cannot_lead_out_of_the_folder(warehouse):
    result = warehouse.dbt("build", *INPUTS, dataset="amazon-2023", amazon_category="../Books")
    assert result.returncode != 0
    assert "amazon_category: must be letters, digits and underscores" in result.stdout


MACRO = ROOT / "dbt_project" / "macros" / "python_literal_to_json.sql"
TO_JSON = jinja2.Template(MACRO.read_text(encoding="utf-8")).module.default__python_literal_to_json
TEXTS = st.text(
    st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"]) | st.just("\U0001f600")
)
LITERALS = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
)


def read_as_json(literal: str):
    """What the macro makes of a Python literal; None where that is no JSON."""
    with duckdb.connect() as connection:
        [(text,)] = connection.execute(
            f"select try_cast({TO_JSON('literal')} as json) from (select ? as literal)", [literal]
        ).fetchall()
    return None if text is None else json.loads(text)


@given(st.dictionaries(TEXTS, LITERALS))
def test_python_literals_become_the_same_json(value):
    assert read_as_json(repr(value)) == value


@pytest.mark.parametrize(
    "literal",
    [
        r"""{'a': 'it\'s "so"', "b": "it's", 'c': "it's \"so\"", 'd': '\\\'', 'e': '\\'}""",
        r"""{'a': '\x41\\x41', 'b': '\\', 'c': ['\\\\', '\u2014\n\t'], 'd': "'True'"}""",
        "{'a': [True, False, None], 'None': 'True', 'b': -1.5e-07, 'c': {}, 'd': []}",
    ],
)
def test_quotes_and_escapes_of_python_literals(literal):
    assert read_as_json(literal) == ast.literal_eval(literal)


@pytest.mark.parametrize("text", ["{'a': 'cut", "{'a': \"cut}", "{'a': b'x'}", "{'a': f(1)}", "{'"])
def test_what_is_no_python_literal_is_no_json(text):
    assert read_as_json(text) is None


def test_character_without_a_json_escape_is_replaced():
    assert read_as_json(ascii({"a": "\U0001f600!"})) == {"a": "\ufffd!"}
