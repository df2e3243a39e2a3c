"""For the tests of scripts: Pigeonhole's sieve-test, and the programs that scripts run."""

import os
import shutil

import pytest

from tests.unit.sieve import Bench, install


@pytest.fixture(scope="session")
def sieve(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """Asks what becomes of a mail. Left out where Dovecot's Sieve is not installed, which in CI is a failure."""
    if not shutil.which("sieve-test"):
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("no sieve-test here")
    return Bench(install(tmp_path_factory.mktemp("programs")))
