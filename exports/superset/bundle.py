"""The dashboard as one ZIP file, as Superset imports it.

Its sources are the YAML files below ``foryou``, in the form that Superset exports. What they cannot
know is where the published file is: Superset wants an absolute path.
"""

import argparse
import sys
import zipfile
from pathlib import Path

import yaml

SOURCES = Path(__file__).parent / "foryou"
DATABASE = Path("exports/published/foryou.duckdb")
INTO = Path("target/superset/foryou.zip")


def write(database: Path = DATABASE, into: Path = INTO) -> Path:
    """Write the ZIP file.

    Parameters
    ----------
    database : Path
        The published file that the dashboard reads, as the machine that runs Superset sees it.
    into : Path
        The ZIP file; replaced if it is there.

    Returns
    -------
    Path
        The ZIP file.

    Raises
    ------
    ValueError
        When the path has a question mark: what comes after one is no path in an address.
    """
    path = database.absolute()
    if "?" in str(path):
        raise ValueError(f"{path} has a question mark, which Superset takes for the path's end")
    into.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(into, "w", zipfile.ZIP_DEFLATED) as bundle:
        for file in sorted(SOURCES.rglob("*.yaml")):
            text = file.read_text()
            if file.parent.name == "databases":
                text = yaml.safe_dump(
                    yaml.safe_load(text) | {"sqlalchemy_uri": f"duckdb:///{path}"}, sort_keys=False
                )
            # Superset strips the first folder, whatever its name.
            bundle.writestr(str(file.relative_to(SOURCES.parent)), text)
    return into


def main() -> int:
    """Write it, and say where; 0, or 1 on failure."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--database", type=Path, default=DATABASE)
    parser.add_argument("--into", type=Path, default=INTO)
    options = parser.parse_args()
    try:
        print(write(options.database, options.into).absolute())
    except (ValueError, OSError) as error:
        print(f"foryou: no bundle: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
