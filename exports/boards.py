"""The boards: what the last published run says, as pages and pictures that need nothing else.

``make boards`` draws each board of ``dbt_project/charts`` with dbt Charts, as a page that works
without a server, without a network and on a phone, and as a PNG. dbt Charts scales a board to the
width it is given, which no phone can show legibly; so each is drawn twice, once with all that
stands side by side put one below the other, and the page shows what fits.
"""

import argparse
import html
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import yaml

PUBLISHED = Path("exports/published/current")
PROJECT = Path("dbt_project")
INTO = Path("target/boards")
# What opens with a page; the rest of charts/*.yml comes after, by name.
ORDER = (
    "how_good",
    "for_whom",
    "what_it_recommends",
    "candidate_sources",
    "experiment",
    "data_health",
    "one_user",
)
# What a phone shows, in pixels, and from where on the wide board is legible.
PHONE_WIDTH = 390
WIDE_FROM = 900
# A chart that a phone cannot hold may have a twin of this name, drawn there instead.
PHONE_SUFFIX = "_phone"

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="data:,">
<style>
body {{ margin: 0; font: 15px/1.6 system-ui, sans-serif; color: #222; background: #fff; }}
nav {{ display: flex; flex-wrap: wrap; gap: 0 1.2em; padding: .6em 1em;
  border-bottom: 1px solid #ddd; }}
nav a {{ color: #234; }}
nav a[aria-current] {{ font-weight: 600; text-decoration: none; }}
p {{ margin: .6em 1rem 0; font-size: 12px; color: #666; }}
iframe {{ display: block; width: 100%; border: 0; }}
.wide {{ max-width: {wide_width}px; margin: auto; aspect-ratio: {wide_width} / {wide_height}; }}
.phone {{ max-width: 560px; margin: auto; aspect-ratio: {phone_width} / {phone_height}; }}
@media (min-width: {wide_from}px) {{ .phone {{ display: none; }} }}
@media not all and (min-width: {wide_from}px) {{ .wide {{ display: none; }} }}
</style>
<nav>{links}</nav>
<p>{about}</p>
<iframe class="wide" title="{title}" srcdoc="{wide}"></iframe>
<iframe class="phone" title="{title}" srcdoc="{phone}"></iframe>
</html>
"""


FIRST_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>foryou: boards</title>
<link rel="icon" href="data:,">
<style>
body {{ margin: 1.5em; font: 16px/1.5 system-ui, sans-serif; color: #222; background: #fff; }}
main {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(280px, 1fr)); gap: 1.5em; }}
a {{ color: #222; font-weight: 600; text-decoration: none; }}
img {{ display: block; width: 100%; height: 180px; object-fit: cover; object-position: top left;
  border: 1px solid #ccc; margin-bottom: .4em; }}
</style>
<h1>Boards</h1>
<p>{about}</p>
<main>
{boards}
</main>
</html>
"""


class BoardsError(Exception):
    """Boards that cannot be drawn, and why."""


def for_phone(board: dict, charts: frozenset[str] | None = None) -> dict:
    """Give a board one column, for a phone.

    Parameters
    ----------
    board : dict
        A board as read from YAML, or one inside another.
    charts : frozenset of str, optional
        The names of the charts around it, for one inside another.

    Returns
    -------
    dict
        The same, with ``rows`` for ``cols`` and no widths, with the twins of charts that have one
        for phones, and as wide as a phone.

    Examples
    --------
    >>> for_phone({"charts": {"a": {}, "b": {}, "b_phone": {}}, "rows": [{"cols": ["a", "b"]}]})
    {'charts': {'a': {}, 'b_phone': {}}, 'rows': [{'rows': ['a', 'b_phone']}], \
'style': {'frame': {'width': 390}}}
    """
    is_root = charts is None
    charts = (charts or frozenset()) | frozenset(board.get("charts", ()))
    narrow = {}
    for key, value in board.items():
        if key in ("rows", "cols"):
            narrow["rows"] = [
                for_phone(part, charts)
                if isinstance(part, dict)
                else next(name for name in (part + PHONE_SUFFIX, part) if name in charts)
                for part in value
            ]
        elif key == "charts":
            narrow[key] = {its: value[its] for its in value if its + PHONE_SUFFIX not in value}
        elif key != "width":
            narrow[key] = value
    if is_root:
        style = board.get("style", {})
        narrow["style"] = style | {"frame": style.get("frame", {}) | {"width": PHONE_WIDTH}}
    return narrow


def draw(
    published: Path = PUBLISHED,
    into: Path = INTO,
    variables: dict[str, str] | None = None,
    only: Collection[str] = (),
) -> list[Path]:
    """Draw the boards of a published run: a page and a picture each, and a first page.

    Parameters
    ----------
    published : Path
        The folder of the run, or the link to it, which is followed once: all boards are of one run.
    into : Path
        Where they go, when all are drawn.
    variables : dict of str to str, optional
        Values for variables of boards instead of their defaults.
    only : collection of str
        The names of the boards to draw, if not all.

    Returns
    -------
    list of Path
        The pages.

    Raises
    ------
    FileNotFoundError
        When nothing is published.
    ValueError
        When there is no board, or no variable of a board, of such a name.
    BoardsError
        When dbt Charts could not draw one; says why.
    """
    run = published.resolve()
    if not (run / "foryou.duckdb").exists():
        raise FileNotFoundError(f"{published} is missing; `make publish` writes it")
    manifest = json.loads((run / "manifest.json").read_text())
    at = datetime.fromisoformat(manifest["published_at"])
    about = f"{manifest['dataset']}, published {at:%Y-%m-%d %H:%M} UTC, run {run.name}"
    with tempfile.TemporaryDirectory(prefix="foryou-boards-") as folder:
        project = Path(folder)
        titles = _copy(project, variables or {})
        if missing := set(only) - set(titles):
            raise ValueError(f"there is no board {', '.join(missing)} in {', '.join(titles)}")
        names = [name for name in titles if not only or name in only]
        wide = [f"charts/{name}.yml" for name in names]
        phone = [f"charts/phone/{name}.yml" for name in names]
        with ThreadPoolExecutor() as pool:
            jobs = [(wide, "png"), (wide, "html"), (phone, "html")]
            list(pool.map(lambda job: _render(run, project, *job), jobs))
        drawn = project / "pages"
        drawn.mkdir()
        for name in names:
            shutil.copy(project / f"drawn/charts/{name}.png", drawn)
            page = _page(project / "drawn/charts", name, titles, about)
            (drawn / f"{name}.html").write_text(page)
        (drawn / "index.html").write_text(_first_page(titles, about))
        _replace(drawn, into)
    return [into / f"{name}.html" for name in ["index", *names]]


def _copy(project: Path, variables: dict[str, str]) -> dict[str, str]:
    """Copy the boards, wide and for phones; give the name and the title of each, in order."""
    shutil.copy(PROJECT / "dbt_charts.yml", project)
    (project / "charts/phone").mkdir(parents=True)
    shutil.copy(PROJECT / "charts/meta.yml", project / "charts")
    unknown = set(variables)
    titles = {}
    for path in (PROJECT / "charts").glob("*.yml"):
        if path.stem == "meta":
            continue
        board = yaml.safe_load(path.read_text())
        for name in variables.keys() & board.get("variables", {}).keys():
            board["variables"][name]["default"] = variables[name]
            unknown.discard(name)
        titles[path.stem] = board["title"]
        phone = for_phone(board)
        charts = board.get("charts", {})
        board["charts"] = {its: charts[its] for its in charts if not its.endswith(PHONE_SUFFIX)}
        for where, content in (("", board), ("phone/", phone)):
            text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
            (project / f"charts/{where}{path.name}").write_text(text)
    if unknown:
        raise ValueError(f"no board has a variable {', '.join(sorted(unknown))}")
    places = {name: place for place, name in enumerate(ORDER)}
    names = sorted(titles, key=lambda name: (places.get(name, len(ORDER)), name))
    return {name: titles[name] for name in names}


def _render(run: Path, project: Path, files: list[str], form: str) -> None:
    done = subprocess.run(
        [
            *(Path(sys.executable).with_name("dct"), "--no-send-anonymous-usage-stats"),
            *("render", *files, "--format", form, "--no-cache", "--project-dir", "."),
            *("--output", f"drawn/{{dir}}/{{stem}}.{form}"),
        ],
        cwd=project,
        env=os.environ | {"DO_NOT_TRACK": "1", "FORYOU_BOARDS_RUN": str(run)},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise BoardsError(f"dbt Charts could not draw the boards:\n{done.stderr.strip()}")
    # Cut titles, cramped tables and the like. The picture has those of the page.
    if form == "html" and "WARN-" in done.stderr:
        print(done.stderr.strip(), file=sys.stderr)


def _page(drawn: Path, name: str, titles: dict[str, str], about: str) -> str:
    parts = {"title": html.escape(titles[name]), "about": html.escape(about)}
    for which, path in (("wide", drawn / f"{name}.html"), ("phone", drawn / f"phone/{name}.html")):
        text = path.read_text()
        width, height = re.search(r'<svg[^>]* viewBox="0 0 ([\d.]+) ([\d.]+)"', text).groups()
        parts |= {which: html.escape(text), f"{which}_width": width, f"{which}_height": height}
    parts["links"] = " ".join(
        f'<a href="{other}.html"{" aria-current=page" if other == name else ""}>'
        f"{html.escape(title)}</a>"
        for other, title in titles.items()
    )
    return PAGE.format(wide_from=WIDE_FROM, **parts)


def _first_page(titles: dict[str, str], about: str) -> str:
    boards = "\n".join(
        f'<a href="{name}.html"><img src="{name}.png" alt="">{html.escape(title)}</a>'
        for name, title in titles.items()
    )
    return FIRST_PAGE.format(about=html.escape(about), boards=boards)


def _replace(drawn: Path, into: Path) -> None:
    """Put pages where others may be looked at: each is there, whole, before the old one goes."""
    into.mkdir(parents=True, exist_ok=True)
    for path in drawn.iterdir():
        beside = into / f".{path.name}"
        shutil.copy(path, beside)
        os.replace(beside, into / path.name)


def main() -> int:
    """Draw what is published; 0, or 1 on failure."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--published", type=Path, default=PUBLISHED)
    parser.add_argument("--into", type=Path, default=INTO)
    parser.add_argument("--board", action="append", default=[], help="only this; may be repeated")
    parser.add_argument("--user", help="the user of the board about one, by id")
    options = parser.parse_args()
    variables = {} if options.user is None else {"user_id": options.user}
    try:
        pages = draw(options.published, options.into, variables, options.board)
    except (BoardsError, OSError, ValueError) as error:
        print(f"foryou: no boards: {error}", file=sys.stderr)
        return 1
    print(pages[0].resolve())
    return 0


if __name__ == "__main__":
    sys.exit(main())
