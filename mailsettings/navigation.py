"""What the treatment of mail adds to the sidebar."""

from collections.abc import Iterator
from typing import Any

from accounts.models import Domain
from accounts.navigation import Row


def rows(user: Any, domain: Domain | None) -> Iterator[Row]:
    """For a mailbox user the own settings that the plan has; for an admin the domain's filters."""
    yield from ()
