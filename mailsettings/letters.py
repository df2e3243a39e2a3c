"""The mail that tells a domain's admin what became of a file (A16): counts, and each error with line and column. Never a password."""

import logging
import smtplib
from collections.abc import Callable, Mapping, Sequence
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate, make_msgid
from typing import Any, Final

from django.utils import translation
from django.utils.translation import gettext as _

from accounts import names
from accounts.models import Admin, Domain
from mailsettings.servers.layout import Layout
from mailsettings.servers.milter.wayout import PANEL_HELO
from panel.base.jobs import CARRIED_OUT
from panel.base.models import Job, JobState

log = logging.getLogger(__name__)
LANGUAGES: Final = ("en", "ja")
ERRORS_TOLD: Final = 500
PATIENCE_S: Final = 30
Error = Mapping[str, Any]


class Letter:
    """To one address; `parts` = subject and text, once for each language."""

    def __init__(self, to: str, parts: Sequence[tuple[str, str]]) -> None:
        self.to, self.parts = to, parts

    def message(self, hostname: str) -> EmailMessage:
        found = EmailMessage(policy=SMTP)
        found["From"] = f"postmaster@{hostname}"
        found["To"] = self.to
        found["Subject"] = " / ".join(subject for subject, _text in self.parts)
        found["Date"] = formatdate()
        found["Message-ID"] = make_msgid(domain=hostname)
        found["Auto-Submitted"] = "auto-generated"
        found.set_content("\n----\n\n".join(text for _subject, text in self.parts), cte="base64")
        return found


def written(
    job: Job, domain: Domain, state: JobState, result: Mapping[str, int] | None, errors_in: Callable[[str], Sequence[Error]]
) -> Letter:
    """To the domain's admin address: in the language of the admin who has that address, or in every language."""
    parts = []
    for language in _languages(domain.admin_address):
        errors = errors_in(language)
        with translation.override(language):
            parts.append((_subject(job, state), _text(job, state, result or {}, errors)))
    return Letter(domain.admin_address, parts)


def _languages(address: str) -> Sequence[str]:
    admins = Admin.objects.get_queryset().filter(email__iexact=address, is_active=True).exclude(language="")
    known = admins.values_list("language", flat=True).first()
    return [known] if known else LANGUAGES


def _subject(job: Job, state: JobState) -> str:
    values = {"domain": names.to_unicode(job.args["domain"]), "name": job.args["name"]}
    if state == JobState.DONE:
        return _("%(domain)s: the file %(name)s has been carried out") % values
    return _("%(domain)s: the file %(name)s could not be carried out") % values


def _text(job: Job, state: JobState, result: Mapping[str, int], errors: Sequence[Error]) -> str:
    lines = [_subject(job, state), ""]
    if state == JobState.DONE or CARRIED_OUT in job.args:
        lines += _counts(result)
    else:
        lines.append(_("Nothing was changed."))
    if errors:
        lines += ["", _("Errors: %(count)d") % {"count": max(result.get("errors", 0), len(errors))}]
        lines += [_error(error) for error in errors[:ERRORS_TOLD]]
    if len(errors) > ERRORS_TOLD:
        lines += ["…", _("The control panel shows more of them.")]
    return "\n".join(lines) + "\n"


def _counts(result: Mapping[str, int]) -> list[str]:
    return [
        _("Rows: %(count)d") % {"count": result.get("rows", 0)},
        _("Created: %(count)d") % {"count": result.get("create", 0)},
        _("Changed: %(count)d") % {"count": result.get("change", 0)},
        _("Deleted: %(count)d") % {"count": result.get("delete", 0)},
        _("Passed over, because there is no such account: %(count)d") % {"count": result.get("passed_over", 0)},
        _("Left as they were: %(count)d") % {"count": result.get("unchanged", 0)},
    ]


def _error(error: Error) -> str:
    if "line" not in error:
        return str(error["message"])
    place = _("Line %(line)d, column %(column)d") % error
    return f"{place} ({error['field']}): {error['message']}" if error.get("field") else f"{place}: {error['message']}"


def send(layout: Layout, letter: Letter) -> None:
    """By the mail host's own Postfix, with the empty sender. What cannot be sent is logged: the panel shows the same."""
    message = letter.message(layout.hostname).as_bytes(policy=SMTP)
    try:
        with smtplib.SMTP(*layout.ports["wayout"], local_hostname=PANEL_HELO, timeout=PATIENCE_S) as smtp:
            smtp.sendmail("", [letter.to], message)
    except (OSError, smtplib.SMTPException) as error:
        log.warning("no result mail to %s: %s", letter.to, error)
