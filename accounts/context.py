"""What every template knows of the one who is signed in."""

from typing import Any

from django.http import HttpRequest


def principal(request: HttpRequest) -> dict[str, Any]:
    """`user`: the admin, the mailbox or an anonymous visitor."""
    return {"user": getattr(request, "user", None)}
