"""The forms of the profiles, one for each manual: its fields, in its order and with its words.

Each says by `service_fields()` what the services take; the rules themselves stand there.
"""

from typing import Any

from crispy_forms.layout import Div, Layout
from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from accounts.forms.base import PanelForm, Part
from accounts.words import word
from mailsettings.forms.conditions import ConditionsField, rows_of
from mailsettings.forms.destinations import DestinationsField, inputs_of
from mailsettings.forwarding import Standing
from mailsettings.models import NAME_MAX, VALUE_MAX, Match, Profile
from mailsettings.shapes import destinations_max, shape_of

EVERYTHING = "everything"


class ProfileForm(PanelForm):
    """What they share. `standing`: the mailbox's profiles; `profile`: the one that is edited, None for a new one."""

    action = "forward"

    def __init__(self, *args: Any, standing: Standing, profile: Profile | None, may_send: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.standing, self.profile, self.may_send = standing, profile, may_send
        self.plan, self.rules = standing.plan, standing.rules
        self.helper.layout = Layout(*self.parts())

    def parts(self) -> list[Any]:
        return []

    @classmethod
    def values_of(cls, profile: Profile | None) -> dict[str, Any]:
        """What the fields hold at first."""
        return {}

    def service_fields(self) -> dict[str, Any]:
        """What `services.profiles` takes."""
        return {"action": self.cleaned_data.get("action", self.action)}

    def destinations(self, **more: Any) -> Part:
        """The inputs, counted by the plan: of one profile, or of the mailbox."""
        other = self.standing.destinations(self.profile.pk if self.profile else None) if shape_of(self.rules).per_account else 0
        label = word("destinations", self.plan)
        self.fields["destinations"] = DestinationsField(label=label, most=destinations_max(self.rules), used=other, **more)
        return Part("forwarding/_destinations.html", inputs=inputs_of(self["destinations"]))


class SimpleForm(ProfileForm):
    """`standard`: すべて, From or Subject with a keyword, and where it goes (F1)."""

    condition = forms.ChoiceField(label=gettext_lazy("Condition"), widget=forms.RadioSelect)
    keyword = forms.CharField(label=gettext_lazy("Keyword"), required=False, max_length=VALUE_MAX, strip=False)

    def parts(self) -> list[Any]:
        condition: Any = self.fields["condition"]
        kinds = {EVERYTHING: "all mail", "from": "condition from", "subject": "condition subject"}
        condition.choices = [(name, word(kind, self.plan)) for name, kind in kinds.items()]
        self.fields["keyword"].help_text = _("Symbols, spaces and Japanese are fine. Letters are compared without case.")
        self.fields["keyword"].widget.attrs.update({"autocomplete": "off", "spellcheck": "false", "autocapitalize": "none"})
        keyword = Div("keyword", data_for="condition", data_values="from subject")
        return [Part("forwarding/_inline.html", bound=self["condition"]), keyword, self.destinations()]

    def clean(self) -> dict[str, Any]:
        found = super().clean() or self.cleaned_data
        if found.get("condition") != EVERYTHING and not found.get("keyword") and "keyword" not in self.errors:
            self.add_error("keyword", forms.ValidationError(_("A keyword is needed."), code="required"))
        if found.get("condition") == EVERYTHING:
            self._not_twice(found.get("destinations", []))
        return found

    def _not_twice(self, addresses: list[str]) -> None:
        """Each destination of all mail is an entry of its own, and there once."""
        others = [one for one in self.standing.profiles if not one.conditions and (not self.profile or one.pk != self.profile.pk)]
        there = {address for one in others for address in one.destinations}
        for address in addresses:
            if address in there:
                text = _("All mail goes to %(address)s already.") % {"address": address}
                self.add_error("destinations", forms.ValidationError(text, code="twice"))

    @classmethod
    def values_of(cls, profile: Profile | None) -> dict[str, Any]:
        if profile is None:
            return {"condition": EVERYTHING}
        first = profile.conditions[0] if profile.conditions else {"field": EVERYTHING, "value": ""}
        return {"condition": first["field"], "keyword": first["value"], "destinations": profile.destinations}

    def service_fields(self) -> dict[str, Any]:
        found = self.cleaned_data
        one = {"field": found["condition"], "operator": "contains", "value": found["keyword"]}
        conditions = [] if found["condition"] == EVERYTHING else [one]
        return {"action": "forward", "conditions": conditions, "destinations": found["destinations"]}


class _Conditional(ProfileForm):
    """With an editor of conditions, and in or out of use."""

    everything = True  # whether all mail may be meant
    match = forms.ChoiceField(label=gettext_lazy("Which mail"), widget=forms.RadioSelect)
    enabled = forms.BooleanField(label=pgettext_lazy("of a rule", "In use"), required=False)

    def conditions(self) -> list[Any]:
        shape = shape_of(self.rules)
        match: Any = self.fields["match"]
        choices = [(Match.ALL, _("where all conditions hold")), (Match.ANY, _("where any condition holds"))]
        match.choices = [*([(EVERYTHING, word("all mail", self.plan))] if self.everything else []), *choices]
        field = ConditionsField(fields=shape.fields, operators=shape.operators, most=shape.conditions_max, label=_("Conditions"))
        self.fields["conditions"] = field
        editor = Part("treatment/_conditions.html", choices=field.choices(), rows=rows_of(self["conditions"]))
        return [Part("forwarding/_inline.html", bound=self["match"]), *self.warning(), editor]

    def warning(self) -> list[Any]:
        """What "all mail" would disable, said while it is chosen."""
        return []

    def clean(self) -> dict[str, Any]:
        found = super().clean() or self.cleaned_data
        if "conditions" in found and "match" in found and found["match"] != EVERYTHING and not found["conditions"]:
            text = _("At least one condition is needed. For all mail choose “%(all)s”.") % {"all": word("all mail", self.plan)}
            text = text if self.everything else _("At least one condition is needed.")
            self.add_error("conditions", forms.ValidationError(text, code="required"))
        return found

    @classmethod
    def values_of(cls, profile: Profile | None) -> dict[str, Any]:
        if profile is None:
            return {"match": Match.ALL, "enabled": True, "conditions": []}
        match = profile.match if profile.conditions else EVERYTHING
        return {"match": match, "enabled": profile.enabled, "conditions": profile.conditions, "name": profile.name}

    def service_fields(self) -> dict[str, Any]:
        found = self.cleaned_data
        everything = found["match"] == EVERYTHING
        which = {"match": Match.ALL, "conditions": []} if everything else {"match": found["match"], "conditions": found["conditions"]}
        named = {"name": found["name"]} if "name" in found else {}
        return {**super().service_fields(), **which, **named, "enabled": found["enabled"]}


def _name(form: ProfileForm, **more: Any) -> None:
    field = forms.CharField(label=word("rule name", form.plan), max_length=NAME_MAX, **more)
    field.widget.attrs.update({"autocomplete": "off"})
    form.fields["name"] = field


def _below(form: ProfileForm, group: str) -> list[str]:
    """The sentences of what stands below the profile in its group; nothing stands below a new one."""
    if form.profile is None:
        return []
    lines = form.standing.group(group)
    place = next((n for n, line in enumerate(lines) if line.profile.pk == form.profile.pk), len(lines))
    return [line.sentence for line in lines[place + 1 :]]


class HsEndForm(_Conditional):
    """`hs`, first group: delete, or return an error mail (F2)."""

    def parts(self) -> list[Any]:
        _name(self, required=False, help_text=_("For you; it may stay blank."))
        self.fields["action"] = forms.ChoiceField(label=word("rule action", self.plan), choices=[("discard", ""), ("bounce", "")])
        choices = [
            ("discard", word("action discard", self.plan), _("It is thrown away; nobody is told.")),
            ("bounce", word("action bounce", self.plan), _("The sender is told, where the sender is genuine and the mail is no spam.")),
        ]
        return [*self.conditions(), Part("forwarding/_choice.html", bound=self["action"], choices=choices), "name", "enabled"]

    def warning(self) -> list[Any]:
        return [Part("forwarding/_all_ends.html", below=_below(self, "end"), first=True, forwards=self.standing.group("forward"))]

    @classmethod
    def values_of(cls, profile: Profile | None) -> dict[str, Any]:
        return {**super().values_of(profile), "action": profile.action if profile else "discard"}


class HsForwardForm(_Conditional):
    """`hs`, second group: forward to up to five addresses (F2)."""

    keep_copy = forms.BooleanField(required=False)

    def parts(self) -> list[Any]:
        _name(self, required=False, help_text=_("For you; it may stay blank."))
        self.fields["keep_copy"].label = word("keep", self.plan)
        few = destinations_max(self.rules) <= 10
        return [*self.conditions(), self.destinations(fixed=few), "keep_copy", "name", "enabled"]

    def warning(self) -> list[Any]:
        return [Part("forwarding/_all_ends.html", below=_below(self, "forward"), first=False)]

    @classmethod
    def values_of(cls, profile: Profile | None) -> dict[str, Any]:
        own = {"destinations": profile.destinations, "keep_copy": profile.keep_copy} if profile else {"keep_copy": True}
        return {**super().values_of(profile), **own}

    def service_fields(self) -> dict[str, Any]:
        found = self.cleaned_data
        return {**super().service_fields(), "destinations": found["destinations"], "keep_copy": found["keep_copy"]}


class WarpRuleForm(_Conditional):
    """`warp`: a rule's name, what it does, and which mail it is about, in the manual's order (F5)."""

    keep_copy = forms.BooleanField(required=False)

    def parts(self) -> list[Any]:
        _name(self)
        doing = self._doing()
        self.fields["action"] = forms.ChoiceField(label=word("rule action", self.plan), choices=[(name, "") for name, _t, _s in doing])
        self.fields["keep_copy"].label = word("keep", self.plan)
        choice = Part("forwarding/_choice.html", bound=self["action"], choices=doing)
        return ["name", choice, *(self._sending() if self.may_send else []), *self.conditions(), "enabled"]

    def _sending(self) -> list[Any]:
        where = Div(self.destinations(required=False), data_for="action", data_values="forward notify")
        return [where, Div("keep_copy", data_for="action", data_values="forward")]

    def _doing(self) -> list[tuple[str, str, str]]:
        """The five things, without those that send where the user may not (R7)."""
        texts = {
            "forward": _("It goes on to the addresses below. No copy stays here unless you say so."),
            "notify": _("The addresses below get a short notice with sender, subject and recipient. The mail itself stays here."),
            "refuse": _("Only its header is kept, in the folder of refused mail."),
            "discard": _("It is thrown away; nobody is told."),
            "exempt": _("It is delivered as usual, and the plain forwarding does not take it."),
        }
        sending = ("forward", "notify")
        return [(name, word(f"action {name}", self.plan), text) for name, text in texts.items() if self.may_send or name not in sending]

    def warning(self) -> list[Any]:
        plain = self.standing.group("plain")
        return [Part("forwarding/_all_ends.html", below=_below(self, "rule"), first=False, plain=[line.sentence for line in plain])]

    def clean(self) -> dict[str, Any]:
        found = super().clean()
        action = found.get("action")
        if action in ("forward", "notify") and not found.get("destinations") and "destinations" not in self.errors:
            self.add_error("destinations", forms.ValidationError(_("At least one address is needed."), code="required"))
        if action == "forward" and found.get("match") == EVERYTHING:
            text = _("All mail is forwarded by “%(page)s”, not by a rule.") % {"page": word("forwarding", self.plan)}
            self.add_error("match", forms.ValidationError(text, code="plain"))
        return found

    @classmethod
    def values_of(cls, profile: Profile | None) -> dict[str, Any]:
        own = (
            {"action": profile.action, "destinations": profile.destinations, "keep_copy": profile.keep_copy and profile.action == "forward"}
            if profile
            else {"action": "forward", "keep_copy": False}
        )
        return {**super().values_of(profile), **own}

    def service_fields(self) -> dict[str, Any]:
        found = self.cleaned_data
        sends = found["action"] in ("forward", "notify")
        keeps = found["action"] != "forward" or found["keep_copy"]
        return {**super().service_fields(), "destinations": found["destinations"] if sends else [], "keep_copy": keeps}


class WarpPlainForm(ProfileForm):
    """`warp`: plain forwarding of all mail to up to ten addresses (F7); none left = no forwarding."""

    keep_copy = forms.BooleanField(required=False)

    def parts(self) -> list[Any]:
        self.fields["keep_copy"].label = word("keep", self.plan)
        return [self.destinations(required=False, fixed=destinations_max(self.rules) <= 10), "keep_copy"]

    @classmethod
    def values_of(cls, profile: Profile | None) -> dict[str, Any]:
        return {"destinations": profile.destinations, "keep_copy": profile.keep_copy} if profile else {"keep_copy": True}

    def service_fields(self) -> dict[str, Any]:
        found = self.cleaned_data
        return {"action": "forward", "conditions": [], "destinations": found["destinations"], "keep_copy": found["keep_copy"]}


class PlatinumForwardForm(_Conditional):
    """`platinum`: where to, with a copy or without, with attachments or without, under which conditions (F4)."""

    copy = forms.ChoiceField(label=gettext_lazy("Copy"), widget=forms.RadioSelect)
    strip_attachments = forms.BooleanField(required=False)

    def parts(self) -> list[Any]:
        copy: Any = self.fields["copy"]
        copy.choices = [("yes", word("keep", self.plan)), ("no", word("keep not", self.plan))]
        copy.help_text = _("With conditions, mail that does not match stays in this mailbox either way.")
        strip = self.fields["strip_attachments"]
        strip.label = word("strip", self.plan)
        strip.help_text = _("Only parts that are marked as attachments are taken out. The copy in this mailbox keeps them.")
        return [self.destinations(), *self.conditions(), "copy", "strip_attachments", "enabled"]

    @classmethod
    def values_of(cls, profile: Profile | None) -> dict[str, Any]:
        if profile is None:
            return {**super().values_of(None), "match": EVERYTHING, "copy": "yes"}
        own = {"copy": "yes" if profile.keep_copy else "no", "strip_attachments": profile.strip_attachments}
        return {**super().values_of(profile), **own, "destinations": profile.destinations}

    def service_fields(self) -> dict[str, Any]:
        found = self.cleaned_data
        own = {"keep_copy": found["copy"] == "yes", "strip_attachments": found["strip_attachments"]}
        return {**super().service_fields(), **own, "destinations": found["destinations"]}


class PlatinumFilterForm(_Conditional):
    """`platinum`: mail that goes to the spam folder, before it is forwarded or answered (F10)."""

    action, everything = "quarantine", False

    def parts(self) -> list[Any]:
        _name(self, required=False, help_text=_("For you; it may stay blank."))
        return [*self.conditions(), "name", "enabled"]
