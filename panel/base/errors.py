"""What a service may answer instead of doing what was asked; pages and the API translate them once."""

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _


class Forbidden(Exception):
    """One's own object, but not this verb or field for this role: 403."""


class Clash(ValidationError):
    """The name or state is taken by something else: 409. Always bound to one field."""

    def __init__(self, field: str, message: str, code: str = "clash") -> None:
        super().__init__({field: ValidationError(message, code=code)})
        self.field = field


class LimitReached(Clash):
    """A count of the contract is used up (A17): 409 `limit_reached`, with both figures."""

    def __init__(self, field: str, what: str, used: int, limit: int) -> None:
        text = _("%(what)s: %(used)d of %(limit)d are in use.") % {"what": what, "used": used, "limit": limit}
        super().__init__(field, text, code="limit_reached")
        self.used, self.limit = used, limit
