"""What webhooks are told when the treatment of mail is changed: of the account or domain, and which part of it; never the text."""

from accounts.events import Told

ACTS: dict[str, Told] = {
    **{f"profile.{act}": Told("account.changed", "profiles") for act in ("create", "change", "delete", "order")},
    **{f"auto_reply.{act}": Told("account.changed", "auto_reply") for act in ("set", "delete")},
    "spam.change": Told("account.changed", "spam"),
    **{f"filter.{act}": Told("domain.changed", "filters") for act in ("create", "change", "delete", "order")},
    "senders.change": Told("domain.changed", "senders"),
}
