"""What the processes of forked_dbt have in memory from the start."""

import contextlib
import io
import os
import tempfile

import dbt.adapters.duckdb  # noqa: F401
import faiss  # noqa: F401
import implicit  # noqa: F401
import lightgbm  # noqa: F401
import torch  # noqa: F401
from dbt.cli.main import dbtRunner
from dbt_common.tests import enable_test_caching
from forked_dbt import ROOT

# dbt's own switch for tests of dbt: what it found in a text, it keeps.
enable_test_caching()

# dbt compiles its schemas and templates once a process.
os.chdir(ROOT)
with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
    dbtRunner().invoke(
        ["parse", "--project-dir", "dbt_project", "--target-path", folder, "--log-path", folder]
    )
