"""The published formats: a few lines of each as in the files, and what becomes of them."""

import json

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
    """Build the staging models of a data set alone; return a function that reads one of them."""
    folder = dataset.replace("-", "_")
    write(data / dataset, files)
    warehouse.build(
        *("--select", f"path:models/staging/{folder}"), dataset=dataset, data_dir=str(data)
    )

    def rows(entity, columns):
        return warehouse.rows(f"select {columns} from staging.stg_{folder}__{entity} order by all")

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
