"""The form that hands a file of accounts in (A13, A14, A16)."""

from collections.abc import Iterator
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.bulk.columns import FORMS, HASH
from accounts.bulk.samples import SAMPLES
from accounts.forms.base import PanelForm
from accounts.services.imports import LARGEST, MB
from accounts.working import KINDS

ABOUT = {
    "create": gettext_lazy("Every row becomes a new mailbox. A name that is taken already is a fault."),
    "edit": gettext_lazy(
        "New passwords and capacities. A blank cell changes nothing; names that do not exist are passed over and counted."
    ),
    "commands": gettext_lazy("Each row says what it does: add, modify or delete. Columns that are left out keep their values."),
}


class BulkForm(PanelForm):
    """What the file is for, and the file."""

    kind = forms.ChoiceField(label=gettext_lazy("What the file does"), choices=list(KINDS.items()))
    file = forms.FileField(label=gettext_lazy("CSV file"), allow_empty_file=True)

    def __init__(self, *args: Any, too_large: bool = False, may_hash: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.may_hash = may_hash
        self.fields["file"].widget.attrs.update({"accept": ".csv,text/csv", "class": "form-control", "aria-describedby": "file-help"})
        if too_large:  # nothing of it was kept
            self.fields["file"].error_messages["required"] = _("A file has at most %(most)d MB.") % {"most": LARGEST // MB}

    def kinds(self) -> Iterator[dict[str, Any]]:
        """Each kind with its explanation, its columns and its sample."""
        chosen = self["kind"].value() or "create"
        for key, label in KINDS.items():
            name, text = SAMPLES[key]
            columns = text.partition("\r\n")[0].split(",")
            columns += [more for more in FORMS[key].known if more not in columns and (more != HASH or self.may_hash)]
            yield {
                "key": key,
                "label": label,
                "about": ABOUT[key],
                "sample": name,
                "columns": ", ".join(columns),
                "chosen": key == chosen,
            }
