"""For the tests of scripts: Pigeonhole's sieve-test, and the programs that scripts run."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.sieve import Bench, install


@pytest.fixture(scope="session")
def sieve() -> Iterator[Bench]:
    """Asks what becomes of a mail. Left out where Dovecot's Sieve is not installed, which in CI is a failure.

    Not below pytest's own folder: every new run shuts that to others, and the mail user has to get at the programs.
    """
    if not shutil.which("sieve-test"):
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("no sieve-test here")
    with tempfile.TemporaryDirectory(prefix="tegami-programs-") as folder:
        yield Bench(install(Path(folder)))
