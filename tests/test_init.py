"""`make init`: guesses about files, and the questions that they cannot answer."""

import pytest
import yaml

from dbt_project.datasets import init


@pytest.fixture
def files(tmp_path):
    def write(**texts: str) -> dict[str, str]:
        for entity, text in texts.items():
            (tmp_path / f"{entity}.csv").write_text(text, encoding="utf-8")
        return {entity: str(tmp_path / f"{entity}.csv") for entity in texts}

    return write


def test_a_shop_is_mapped(files):
    mapping = init.write_mapping(
        files(
            interactions="id,customer,SKU,action,created_at,device\n"
            + "".join(
                f"e{n},c{n % 4},s{n % 5},{['view', 'add to cart', 'order', 'zoom'][n % 4]},"
                f"2025-01-{n + 1:02} 10:00:00,web\n"
                for n in range(20)
            ),
            items="sku,name,genres,price\n"
            + "".join(f"s{n},Thing {n},A|B,{n}\n" for n in range(5)),
            users="customer,country\nc0,NL\nc1,DE\n",
        )
    )
    read = yaml.safe_load(mapping)
    assert read["dataset"] == "custom"
    assert read["custom"]["interactions"]["columns"] == {
        "user_id": "customer",
        "item_id": "SKU",
        "event_id": "id",
        "event_type": "action",
        "occurred_at": "created_at",
    }
    assert read["custom"]["interactions"]["attributes"] == ["device"]
    assert read["event_weights"] == {"view": 1, "add to cart": 3, "order": 5, "zoom": 1}
    assert "zoom: 1  # QUESTION: what does it weigh?" in mapping
    assert read["custom"]["items"]["columns"] == {"item_id": "sku", "title": "name"}
    assert read["custom"]["items"]["extra"] == ["price"]
    assert read["custom"]["item_attributes"]["kinds"] == {"category": "genres"}
    assert read["custom"]["item_attributes"]["delimiter"] == "|"
    assert read["custom"]["user_attributes"]["kinds"] == {"country": "country"}


def test_what_is_not_there_is_asked_for(files):
    mapping = init.write_mapping(files(interactions='"who: ever",stars,at\n1,4,noon\n2,5,eve\n'))
    columns = yaml.safe_load(mapping)["custom"]["interactions"]["columns"]
    assert columns == {"value": "stars", "user_id": None, "item_id": None}
    for question in ("which column is it?", "which column is the time", "a table of items"):
        assert f"QUESTION: {question}" in mapping.replace("is there ", "")
    assert yaml.safe_load(mapping)["custom"]["interactions"]["constants"] == {
        "event_type": "rating"
    }
    assert '"who: ever"' in mapping


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(SystemExit, match="nothing.csv cannot be read"):
        init.write_mapping({"interactions": str(tmp_path / "nothing.csv")})


def test_a_mapping_is_not_written_over(files, tmp_path):
    into = tmp_path / "custom.yml"
    arguments = ["--into", str(into)]
    for entity, file in files(interactions="user,item\n1,2\n").items():
        arguments += [f"--{entity}", file]
    init.main(arguments)
    with pytest.raises(SystemExit, match="is there already"):
        init.main(arguments)
    assert yaml.safe_load(into.read_text())["event_weights"] == {"interaction": 1}
