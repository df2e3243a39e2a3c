"""A plan's rules as sentences, with their values marked: what an admin reads instead of a table of parameters."""

from collections.abc import Iterator

from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from accounts.rules import Rules
from panel.base.templatetags.tegami import say, size

Said = tuple[str, str, SafeString]  # icon, title, sentence


def of(rules: Rules) -> list[Said]:
    """One sentence for each thing that the servers obey today."""
    return list(_all(rules))


def _all(rules: Rules) -> Iterator[Said]:
    yield "at", _("Names"), _names(rules)
    yield "key", _("Passwords"), _password(rules)
    yield "hdd", _("Mailboxes"), _capacity(rules)
    yield (
        "envelope-paper",
        _("Message size"),
        say(_("Incoming mail above {size} is refused."), size=size(rules.message_size_mb)),
    )
    yield "box-arrow-in-right", _("Login"), _login(rules)
    yield "gear", _("System addresses"), _system(rules)
    groups = _("Group addresses can be made.") if rules.group_addresses else _("There are no group addresses.")
    yield "people", _("Group addresses"), say(groups)


def _names(rules: Rules) -> SafeString:
    sentences = {
        "dot_string": _("{low} to {high} characters; “.” never first, last or doubled, “-” never first."),
        "plain_ends": _("{low} to {high} characters, a letter or a digit first and last."),
        "separated": _("{low} to {high} characters, a letter or a digit first and last; “.” and “-” never side by side."),
    }
    return say(sentences[rules.local_part_grammar], low=rules.local_part_min, high=rules.local_part_max)


def _password(rules: Rules) -> SafeString:
    if rules.password_rule == "strict":  # noqa: S105 - the name of a rule
        return say(_("At least {low} characters with lower case, upper case, digit and symbol, and not the name."), low=12)
    return say(_("At least {low} characters, and not the name."), low=8)


def _capacity(rules: Rules) -> SafeString:
    first = (
        say(_("A new mailbox holds {size}."), size=size(rules.storage_default_mb))
        if rules.storage_default_mb
        else say(_("A new mailbox has {nothing}."), nothing=_("no limit of its own"))
    )
    parts = [first]
    if rules.storage_max_mb:
        parts.append(say(_("At most {size} can be set."), size=size(rules.storage_max_mb)))
    if rules.mailbox_messages:
        parts.append(say(_("Above {count} mails it takes no more."), count=number_format(rules.mailbox_messages, force_grouping=True)))
    return format_html("{} " * (len(parts) - 1) + "{}", *parts)


def _login(rules: Rules) -> SafeString:
    return {
        "address": say(_("Mail programs sign in with the {whole}."), whole=_("whole address")),
        "percent": say(_("Mail programs sign in with the whole address or as {percent}."), percent="user%domain"),
        "bare": say(_("Mail programs sign in with the whole address or the {bare}; names are unique on the server."), bare=_("bare name")),
    }[rules.login_form]


def _system(rules: Rules) -> SafeString:
    return {
        "reserved": say(_("Mail to {names} goes to the admin address."), names="postmaster, mailer-daemon, root"),
        "postmaster_reserved": say(_("Mail to {names} goes to the admin address."), names="postmaster"),
        "postmaster_mailbox": say(_("{names} is a mailbox that comes with the domain and is not counted."), names="postmaster"),
        "contact_mailbox": say(
            _("A contact mailbox comes with the domain and is not counted; mail to {names} goes there."), names="postmaster"
        ),
    }[rules.system_addresses]
