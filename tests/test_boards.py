"""Boards, as a reader meets them: drawn from the default build and opened in a browser."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
import yaml

from exports.boards import INTO, ORDER, PHONE_WIDTH, PROJECT, draw, for_phone
from exports.snapshot import TABLES
from tests.browsers.chromium import CHROMIUM, chromium

# Of whom the board about one user is; without --user it is somebody else.
USER = "13"
WIDTHS = {1280: "wide", PHONE_WIDTH: "phone"}
# What a frame shows: the text that is cut or lies outside, the charts, and which of them are empty.
LOOK = """
frame => {
    const shown = frame.contentDocument, width = frame.clientWidth;
    const texts = [...shown.querySelectorAll("svg text")].filter(text => text.textContent.trim());
    const cut = texts.filter(text => {
        const box = text.getBoundingClientRect();
        return box.width > 0 && (
            text.textContent.trimEnd().endsWith("…") || box.left < -1 || box.right > width + 1
        );
    });
    const charts = [...shown.querySelectorAll("[data-chart-id]")];
    const empty = charts.filter(chart =>
        ["table", "kpi", "callout"].includes(chart.dataset.chartType)
            ? !chart.textContent.trim()
            : ![...chart.querySelectorAll(".role-mark")].some(marks => marks.childElementCount)
    );
    return {
        charts: charts.map(chart => chart.dataset.chartId),
        cut: cut.map(text => text.textContent),
        empty: empty.map(chart => chart.dataset.chartId),
        font: Math.min(...texts.map(text => text.getBoundingClientRect().height)),
        overflow: document.documentElement.scrollWidth > innerWidth,
    };
}
"""


def pages(folder: Path) -> list[Path]:
    return [folder / f"{name}.html" for name in ORDER]


@pytest.fixture(scope="module")
def drawn(published, tmp_path_factory):
    """All boards of the default build, and what dbt Charts had to say of them."""
    into = tmp_path_factory.mktemp("boards") / "boards"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "exports.boards", "--user", USER),
            *("--published", published, "--into", into),
        ],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return into, done.stderr


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        pytest.skip("there is no Chromium here")
    with chromium() as browser:
        yield browser


def test_dbt_charts_has_nothing_to_warn_of(drawn):
    """It would of cut titles, cramped tables, queries without rows, axes that read wrong."""
    _, said = drawn
    assert "WARN-" not in said, said


def test_each_board_has_a_page_and_a_picture(drawn):
    folder, _ = drawn
    expected = {f"{name}{end}" for name in ORDER for end in (".html", ".png")}
    assert {path.name for path in folder.iterdir()} == expected | {"index.html"}
    assert all((folder / f"{name}.png").read_bytes()[:4] == b"\x89PNG" for name in ORDER)


@pytest.mark.parametrize("width", WIDTHS)
def test_pages_open_without_an_error_a_request_an_empty_chart_or_cut_text(drawn, browser, width):
    folder, _ = drawn
    context = browser.new_context(viewport={"width": width, "height": 900}, offline=True)
    for path in pages(folder):
        page = context.new_page()
        errors, requests = [], []
        page.on("console", lambda message, errors=errors: errors.append(message.text))
        page.on("pageerror", lambda error, errors=errors: errors.append(str(error)))
        page.on("request", lambda request, requests=requests: requests.append(request.url))
        page.goto(path.as_uri())
        seen = page.locator(f"iframe.{WIDTHS[width]}").evaluate(LOOK)
        others = set(WIDTHS.values()) - {WIDTHS[width]}
        assert not page.locator(f"iframe.{others.pop()}").is_visible()
        assert errors == [], path.name
        remote = [url for url in requests if not url.startswith(("file:", "data:", "about:"))]
        assert remote == [], path.name
        assert seen["charts"], path.name
        assert seen["empty"] == [], path.name
        assert seen["cut"] == [], path.name
        # 9 pixels of a line are a font of about 8: small, and legible.
        assert seen["font"] > 9, path.name
        assert not seen["overflow"], path.name
        page.close()
    page = context.new_page()
    page.goto((folder / "index.html").as_uri())
    assert page.locator("main a").count() == len(ORDER)
    assert page.locator("main img").evaluate_all("all => all.every(one => one.naturalWidth > 0)")
    context.close()


def test_boards_of_a_run_without_rows_are_drawn_too(published, tmp_path):
    """A shop without attributes, experiments, refused rows or a history of builds."""
    run = tmp_path / "run"
    run.mkdir()
    shutil.copy(published / "manifest.json", run)
    shutil.copy(published / "foryou.duckdb", run)
    with duckdb.connect(str(run / "foryou.duckdb")) as connection:
        for (table,) in connection.sql("select table_name from duckdb_tables()").fetchall():
            connection.sql(f'delete from "{table}"')
    draw(run, tmp_path / "boards")


def test_the_board_of_one_user_is_of_whom_one_asks_for(drawn, published, browser):
    with duckdb.connect(str(published / "foryou.duckdb"), read_only=True) as connection:
        [title] = connection.execute(
            "select title from recommendations where user_id = $1 and rank = 1", [USER]
        ).fetchone()
    folder, _ = drawn
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto((folder / "one_user.html").as_uri())
    text = page.locator("iframe.wide").evaluate("frame => frame.contentDocument.body.textContent")
    assert USER in text and title in text
    page.close()


def test_what_is_wrong_is_said(tmp_path, published):
    def draw(*arguments):
        return subprocess.run(
            [sys.executable, "-m", "exports.boards", "--into", tmp_path / "boards", *arguments],
            capture_output=True,
            text=True,
        )

    for arguments, words in (
        (["--published", tmp_path / "nothing"], "`make publish` writes it"),
        (
            ["--published", published, "--board", "how_bad"],
            "there is no board how_bad in how_good,",
        ),
    ):
        done = draw(*arguments)
        assert done.returncode == 1
        assert words in done.stderr
    assert not (tmp_path / "boards").exists()


def tables_read(name: str) -> set[str]:
    """The published tables that a board's queries name, its own and those it has in common."""
    text = (PROJECT / f"charts/{name}.yml").read_text()
    common = yaml.safe_load((PROJECT / "charts/meta.yml").read_text())["queries"]
    queries = yaml.safe_load(text)["queries"]
    queries |= {its: common[its] for its in common if re.search(rf"\b{its}\b", text)}
    sql = "\n".join(its if isinstance(its, str) else its["sql"] for its in queries.values())
    sql = re.sub(r"--.*", "", sql)
    return {table for table in TABLES if re.search(rf"\b(from|join)\s+{table}\b", sql)}


@pytest.mark.parametrize("name", ORDER)
def test_each_board_is_an_exposure_of_what_it_reads(name):
    """What changes shows whom it concerns: `dbt ls --select my_model+`."""
    exposures = yaml.safe_load((PROJECT / "models/exposures.yml").read_text())["exposures"]
    [declared] = [its for its in exposures if its["name"] == f"board_{name}"]
    board = yaml.safe_load((PROJECT / f"charts/{name}.yml").read_text())
    models = {
        path.stem for path in (PROJECT / "models").rglob("*") if path.suffix in (".sql", ".py")
    }
    published = " ".join(TABLES[table] for table in tables_read(name))
    assert declared["label"] == board["title"]
    assert declared["type"] == "dashboard" and declared["owner"]
    assert {re.search(r"'(.+)'", its).group(1) for its in declared["depends_on"]} == {
        model for _, model in re.findall(r"\b(\w+)\.(\w+)\b", published) if model in models
    }


def test_a_phone_gets_what_stands_side_by_side_one_below_the_other():
    board = {
        "charts": {"a": {}, "b": {}, "b_phone": {}},
        "style": {"frame": {"margin": 3}},
        "rows": [{"width": "70%", "cols": ["a", {"width": "30%", "rows": ["b"]}]}, {"text": "t"}],
    }
    narrow = for_phone(board)
    assert narrow["rows"] == [{"rows": ["a", {"rows": ["b_phone"]}]}, {"text": "t"}]
    assert narrow["style"]["frame"] == {"margin": 3, "width": PHONE_WIDTH}
    assert board["rows"][0]["cols"][0] == "a"


def test_boards_can_be_drawn_from_make():
    """`make boards` puts them where the README says, which git does not see."""
    assert Path("target/boards") == INTO
    ignored = subprocess.run(["git", "check-ignore", "-q", str(INTO / "how_good.html")])
    assert ignored.returncode == 0 or not Path(".git").exists()
    makefile = Path("Makefile").read_text()
    assert re.search(r"^boards: ", makefile, re.MULTILINE)
    # Nothing is told of who looks at them.
    assert "DO_NOT_TRACK=1 ../$(BIN)/dct --no-send-anonymous-usage-stats serve" in makefile
