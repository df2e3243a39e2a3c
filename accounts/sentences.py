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
    yield "hdd-network", _("Server names"), _host_names(rules)
    yield "gear", _("System addresses"), _system(rules)
    groups = _("Group addresses can be made.") if rules.group_addresses else _("There are no group addresses.")
    yield "people", _("Group addresses"), say(groups)
    yield "arrow-right-square", _("Forwarding"), _forwarding(rules)
    yield "reply", _("Auto-reply"), _auto_reply(rules)
    yield "shield-check", _("Spam"), _spam(rules)
    if rules.domain_filters:
        yield "funnel", _("Domain filters"), say(_("An admin sets filters and senders for the whole domain."))
    yield "bug", _("Viruses"), _viruses(rules)
    if rules.own_scripts:
        yield "code-slash", _("Sieve scripts"), say(_("Users may load scripts of their own (ManageSieve)."))


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
    return _together(*parts)


def _login(rules: Rules) -> SafeString:
    return {
        "address": say(_("Mail programs sign in with the {whole}."), whole=_("whole address")),
        "percent": say(_("Mail programs sign in with the whole address or as {percent}."), percent="user%domain"),
        "bare": say(_("Mail programs sign in with the whole address or the {bare}; names are unique on the server."), bare=_("bare name")),
    }[rules.login_form]


def _host_names(rules: Rules) -> SafeString:
    sentences = {
        "server": _("Mail programs are shown the name of the server."),
        "pop_smtp": _("Mail programs are shown {pop} and {smtp} beside the name of the server."),
        "over_ssl": _("Mail programs are shown the over-SSL host name, the server's until it has a certificate."),
        "domain": _("Mail programs are shown the domain beside the name of the server."),
    }
    return say(sentences[rules.client_host_names], pop="pop.<domain>", smtp="smtp.<domain>")


def _system(rules: Rules) -> SafeString:
    return {
        "reserved": say(_("Mail to {names} goes to the admin address."), names="postmaster, mailer-daemon, root"),
        "postmaster_reserved": say(_("Mail to {names} goes to the admin address."), names="postmaster"),
        "postmaster_mailbox": say(_("{names} is a mailbox that comes with the domain and is not counted."), names="postmaster"),
        "contact_mailbox": say(
            _("A contact mailbox comes with the domain and is not counted; mail to {names} goes there."), names="postmaster"
        ),
    }[rules.system_addresses]


def _forwarding(rules: Rules) -> SafeString:
    most = rules.forwarding_destinations or _("any number of")
    sentences = {
        "platinum": _("All mail or by condition, with or without a copy and attachments."),
        "hs": _("At most {profiles} profiles, with {most} destinations each; the first that matches ends the search."),
        "warp": _("Rules in order that forward, notify, refuse or throw away; {most} destinations in all."),
        "simple": _("All mail, by sender or by subject; {most} destinations in all, and a copy is always kept."),
        "aliases": _("By forwarding addresses only."),
    }
    said = say(sentences[rules.forwarding], most=most, profiles=rules.profiles_max or _("any number of"))
    return said if rules.forwarding_by_user else _together(said, say(_("Users forward only where their admin lets them.")))


def _auto_reply(rules: Rules) -> SafeString:
    if not rules.auto_reply:
        return say(_("There is no auto-reply."))
    parts = [say(_("With a subject of its own.")) if rules.auto_reply_subject else say(_("A text only; it is on while there is one."))]
    if rules.auto_reply_bytes_cp932:
        parts.append(
            say(_("At most {count} half-width characters."), count=number_format(rules.auto_reply_bytes_cp932, force_grouping=True))
        )
    if rules.auto_reply_excludes_forwarding:
        parts.append(say(_("Nothing is forwarded while it is on.")))
    return _together(*parts)


def _spam(rules: Rules) -> SafeString:
    sentences = {
        "none": _("Spam is marked in the header and delivered like other mail."),
        "one_of_two": _("A user marks spam with {tag} or moves it to the spam folder."),
        "two_switches": _("A user may mark spam with {tag} and may move it to the spam folder."),
        "filter_first": _("Marking it with {tag} or moving it comes before all other rules."),
        "filter": _("A user may mark spam with {tag} and may move it to the spam folder; rules come first."),
    }
    said = say(sentences[rules.spam], tag=rules.spam_tag)
    return _together(said, say(_("It takes a seat for each mailbox."))) if rules.spam_seats else said


def _viruses(rules: Rules) -> SafeString:
    received = {
        "none": _("Received mail is not changed."),
        "strip": _("Infected parts of received mail are removed, with a warning in their place."),
        "strip_notice": _("Infected parts of received mail are removed, with a notice on top."),
        "optional": _("Each domain decides whether received mail is checked."),
        "delete": _("Infected mail that is received is deleted."),
    }
    sent = {
        "delete_warn": _("Infected mail that is sent is deleted, and its sender is warned."),
        "optional": _("Nothing infected leaves for outside."),
    }
    parts = [say(received[rules.virus_inbound]), say(sent.get(rules.virus_outbound, _("Infected mail that is sent is refused.")))]
    if rules.unpacked_archive_mb:
        parts.append(say(_("Mail that unpacks to more than {size} is refused."), size=size(rules.unpacked_archive_mb)))
    return _together(*parts)


def _together(*parts: SafeString) -> SafeString:
    return format_html("{} " * (len(parts) - 1) + "{}", *parts)
