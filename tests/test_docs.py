"""The pages under docs/: they name what there is, with its defaults, and links lead somewhere."""

import doctest
import re
import tomllib

import pytest
import yaml
from conftest import ROOT

METHODS = ROOT / "docs" / "methods"
PROJECT = ROOT / "dbt_project"
PAGES = sorted((ROOT / "docs").glob("**/*.md"))
LINKED = [ROOT / "README.md", *PAGES]
METHOD_PAGES = [page for page in PAGES if page.parent == METHODS]
VARS = yaml.safe_load((PROJECT / "dbt_project.yml").read_text())["vars"]
# Where data are and how they are read, and what their size changes: no page of a method.
VARS_OF_DATA = {
    "dataset", "data_dir", "datasets", "amazon_category", "genome_min_relevance", "custom",
    "attach", "event_log", "by_events", "refit",
}  # fmt: skip
# What is tracked here; `target` and the like are made by a build.
FOLDERS = (".ci", "dbt_project", "docs", "exports", "features", "models_py", "tests")

by_name = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
linked_by_name = pytest.mark.parametrize(
    "page", LINKED, ids=lambda page: str(page.relative_to(ROOT))
)


def without_code(text: str) -> str:
    return re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)


def rows(text: str) -> list[list[str]]:
    """The cells of each row of each table."""
    lines = [line for line in without_code(text).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def names(text: str) -> set[str]:
    return set(re.findall(r"`(\w+)`", text))


def macro_names(macro: str) -> set[str]:
    return set(re.findall(r"'(\w+)'", (PROJECT / "macros" / f"{macro}.sql").read_text()))


def knobs(page) -> dict[str, str]:
    """Var → default as the page writes it."""
    text = page.read_text(encoding="utf-8")
    section = re.search(r"^## Knobs\n(.*?)(?=^## |\Z)", text, flags=re.DOTALL | re.MULTILINE)
    return {
        var: cells[1].strip("`")
        for cells in rows(section[1] if section else "")
        for var in re.findall(r"^`(\w+)`$", cells[0])
    }


def anchors(page) -> set[str]:
    """The headings of a page as GitHub writes them into links."""
    found, counts = set(), {}
    for heading in re.findall(r"^#+ (.+)$", without_code(page.read_text()), flags=re.MULTILINE):
        slug = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        n = counts[slug] = counts.get(slug, -1) + 1
        found.add(f"{slug}-{n}" if n else slug)
    return found


def links(page) -> list[str]:
    text = without_code(page.read_text(encoding="utf-8"))
    found = re.findall(r"\]\(([^)\s]+)\)", text)
    return [link for link in found if not re.match(r"[a-z]+:", link)]


def test_every_source_and_ranker_has_a_page():
    titles = set()
    for page in METHOD_PAGES:
        titles |= names(page.read_text(encoding="utf-8").splitlines()[0])
    sources = macro_names("all_sources")
    rankers = re.search(r"'rankers': \[(.*?)\]", (PROJECT / "macros/check_vars.sql").read_text())
    rankers = set(re.findall(r"'(\w+)'", rankers[1]))
    assert len(sources) > 10 and len(rankers) > 2
    assert (sources | rankers) - titles == set()


def test_every_metric_is_defined():
    defined = {
        page: set().union(*(names(cells[0]) for cells in rows((METHODS / page).read_text())))
        for page in ("metrics.md", "experiments.md")
    }
    description = yaml.safe_load((PROJECT / "models/evaluation/metrics.yml").read_text())
    (allowed,) = (
        test["accepted_values"]["arguments"]["values"]
        for column in description["models"][0]["columns"]
        if column["name"] == "metric"
        for test in column["data_tests"]
        if "accepted_values" in test
    )
    assert (set(allowed) | macro_names("user_metric_names")) - defined["metrics.md"] == set()
    macro = (PROJECT / "macros/experiment_metrics.sql").read_text()
    metrics = set(re.findall(r"^ +'(\w+)': \[", macro, flags=re.MULTILINE)) - {"retention_"}
    metrics |= {f"retention_{day}d" for day in VARS["retention_days"]}
    assert len(metrics) > 5
    assert metrics - defined["experiments.md"] == set()
    estimators = PROJECT / "models/experiments/off_policy_estimates.sql"
    estimators = set(re.findall(r"'(\w+)' as estimator", estimators.read_text()))
    assert len(estimators) == 4
    assert estimators - defined["experiments.md"] == set()


@by_name
def test_knobs_have_the_defaults_that_are_written(page):
    wrong = [
        (var, default, VARS.get(var, "no such var"))
        for var, default in knobs(page).items()
        if var not in VARS or yaml.safe_load(default) != VARS[var]
    ]
    assert wrong == []


def test_every_knob_is_on_a_page():
    documented = set().union(*(knobs(page) for page in METHOD_PAGES))
    assert sorted(set(VARS) - VARS_OF_DATA - documented) == []


def test_values_by_size_are_those_that_are_written():
    header, _, *lines = rows((ROOT / "docs" / "scale.md").read_text())
    starts = [0, 3_000_000, 12_000_000]
    assert header == ["var", "from 0 events", "from 3 million", "from 12 million"]
    written = {}
    for cells in lines:
        variables = re.findall(r"`(\w+)`", cells[0])
        if not variables or variables[0] not in VARS["by_events"]:
            break
        for start, cell in zip(starts, cells[1:], strict=True):
            values = [None if v == "all" else int(v.replace(",", "")) for v in cell.split(", ")]
            # One value is that of all vars of the row.
            values *= len(variables) // len(values)
            for variable, value in zip(variables, values, strict=True):
                written.setdefault(variable, {})[start] = value
    at_every_size = {
        variable: {start: values[max(s for s in values if s <= start)] for start in starts}
        for variable, values in VARS["by_events"].items()
    }
    assert written == at_every_size


def test_every_dependency_is_accounted_for():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    packages = {re.match(r"[\w-]+", line)[0] for group in groups for line in group}
    text = (ROOT / "docs" / "decisions.md").read_text(encoding="utf-8")
    named = {cells[0].strip("`") for cells in rows(text)}
    assert sorted(packages - named) == []


@linked_by_name
def test_links_lead_somewhere(page):
    wrong = []
    for link in links(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            wrong.append(link)
    assert wrong == []


@linked_by_name
def test_files_that_are_named_are_there(page):
    text = without_code(page.read_text(encoding="utf-8"))
    spans = re.findall(r"`([^`]+)`", text)
    named = {
        path
        for span in spans
        for path in re.findall(r"(?<![\w/.])(?:[\w.-]+/)+[\w.-]+\.(?:py|sql|yml|md|csv)\b", span)
        if path.split("/")[0] in FOLDERS
    }
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []


def test_every_page_can_be_found():
    """From the README or the index of methods; each method from the index itself."""
    index = METHODS / "README.md"
    of_index = {(METHODS / link.partition("#")[0]).resolve() for link in links(index)}
    assert [page.name for page in METHOD_PAGES if page not in of_index | {index}] == []
    found, to_look_at = {index}, [ROOT / "README.md", index]
    while to_look_at:
        page = to_look_at.pop()
        for link in links(page):
            target = (page.parent / link.partition("#")[0]).resolve()
            if target in PAGES and target not in found:
                found.add(target)
                to_look_at.append(target)
    assert [str(page.relative_to(ROOT)) for page in PAGES if page not in found] == []


def test_the_overview_of_the_dbt_docs_leads_to_models():
    text = (PROJECT / "models" / "overview.md").read_text(encoding="utf-8")
    linked = re.findall(r"\[(\w+)\]\(#!/model/model\.foryou\.(\w+)\)", text)
    models = {
        file.stem for suffix in ("sql", "py") for file in PROJECT.glob(f"models/**/*.{suffix}")
    }
    assert len(linked) > 10
    assert [pair for pair in linked if pair[0] != pair[1] or pair[1] not in models] == []
    named = [name for name in re.findall(r"`([\w/.]+)`", text) if "/" in name]
    assert [name for name in named if not (ROOT / name).exists()] == []


@by_name
def test_worked_examples_hold(page):
    """Numbers that are worked out on a page come out, and unit tests that it names are there."""
    text = page.read_text(encoding="utf-8")
    examples = "\n".join(re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE))
    test = doctest.DocTestParser().get_doctest(examples, {}, page.name, str(page), 0)
    results = doctest.DocTestRunner().run(test)
    assert results.failed == 0
    if page in METHOD_PAGES and page.name != "README.md":
        assert results.attempted > 0
    unit_tests = {
        name
        for file in PROJECT.glob("models/*/_*__unit_tests.yml")
        for name in re.findall(r"^  - name: (\w+)", file.read_text(), flags=re.MULTILINE)
    }
    named = set()
    for said in re.findall(r"unit tests? ((?:(?:, | and )?`\w+`)+)", text):
        named |= names(said)
    assert sorted(named - unit_tests) == []
