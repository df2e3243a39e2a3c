"""Forms about domains, plans and customers: the operator's side."""

from collections.abc import Iterable, Iterator
from dataclasses import Field as RuleField
from dataclasses import fields
from typing import Any, get_args, get_type_hints

from crispy_forms.layout import Div, Fieldset, Layout
from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.forms.base import PanelForm, Part
from accounts.limits import Room, contract_figures, rooms
from accounts.models import Customer, Domain, MailHost, Plan
from accounts.models.tenants import slug
from accounts.rules import TEXT_MAX, Rules, as_json, enforced
from accounts.services.common import COUNTERS, LABELS
from panel.base.tenancy import Principal

YES_NO = [("yes", gettext_lazy("yes")), ("no", gettext_lazy("no"))]
NONE_MEANS = gettext_lazy("Left blank: no limit.")


class LimitsMixin(PanelForm):
    """One field for each limit that is counted today, `limit_accounts` and so on."""

    limit_names: tuple[str, ...] = tuple(COUNTERS)

    def add_limits(self, limits: dict[str, Any]) -> list[str]:
        self.kept = limits
        for key in self.limit_names:
            field = forms.IntegerField(label=LABELS[key](), required=False, min_value=0, max_value=10**12, initial=limits.get(key))
            self.fields[f"limit_{key}"] = field
        return [f"limit_{key}" for key in self.limit_names]

    def limits(self) -> dict[str, Any]:
        """What was typed, beside the limits that this form does not show."""
        typed = {key: self.cleaned_data[f"limit_{key}"] for key in self.limit_names}
        return {**self.kept, **typed}


class CustomerChoice(forms.ModelChoiceField):  # type: ignore[type-arg]
    """Customers with what is left of their domains; one query for all of them."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._figures: dict[int, dict[str, int]] | None = None

    def label_from_instance(self, obj: Any) -> str:
        most = obj.limits.get("domains")
        if most is None:
            return str(obj.name)
        if self._figures is None:
            self._figures = contract_figures(self.queryset.values_list("pk", flat=True))  # type: ignore[union-attr]
        used = self._figures.get(obj.pk, {}).get("domains", 0)
        figures = {"customer": obj.name, "used": used, "limit": most, "left": max(0, most - used)}
        return _("%(customer)s: %(used)d of %(limit)d domains in use, %(left)d left") % figures


class DomainForm(LimitsMixin):
    """What the operator says of a domain."""

    customer = CustomerChoice(Customer.objects.none(), label=gettext_lazy("Customer"), empty_label=None)
    plan = forms.ModelChoiceField(Plan.objects.none(), label=gettext_lazy("Plan"), empty_label=None)
    admin_address = forms.CharField(label=gettext_lazy("Admin address"), max_length=254)

    def __init__(self, *args: Any, user: Principal, domain: Domain | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._choices("customer", Customer.objects.visible_to(user))
        self._choices("plan", Plan.objects.visible_to(user))
        admin_field(self.fields["admin_address"])
        checked = virus_check(self, domain) if domain else []
        first = [*self.first(user), "customer", "plan", "admin_address", *checked]
        self.helper.layout = Layout(*first, *([] if domain else self._first_limits()))

    def _first_limits(self) -> list[Any]:
        """Of a new domain; afterwards they have a page of their own, with what is used."""
        return [fieldset(_("Limits of this domain"), self.add_limits({}), NONE_MEANS)]

    def first(self, user: Principal) -> list[str]:
        return []

    def _choices(self, name: str, queryset: Any) -> None:
        field: Any = self.fields[name]
        field.queryset = queryset

    def limits(self) -> dict[str, Any]:
        return {key: value for key, value in super().limits().items() if value is not None}


class DomainLimitsForm(LimitsMixin):
    """One domain's share of the contract's numbers (A17)."""

    def __init__(self, *args: Any, domain: Domain, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.add_limits(dict(domain.limits))
        self.rooms = rooms(domain)

    def rows(self) -> list[tuple[Room, Any]]:
        """Each limit with its field."""
        return [(room, self[f"limit_{key}"]) for key, room in self.rooms.items()]

    def limits(self) -> dict[str, Any]:
        return {key: value for key, value in super().limits().items() if value is not None}


def admin_field(field: forms.Field) -> None:
    field.help_text = _("Gets the mail to the domain's system addresses, such as postmaster.")
    field.widget.attrs.update({"autocomplete": "off", "inputmode": "email", "spellcheck": "false", "autocapitalize": "none"})


def virus_check(form: forms.Form, domain: Domain) -> list[str]:
    """The domain's own switch where its plan leaves viruses to it (`warp`)."""
    if "optional" not in (domain.rules.virus_inbound, domain.rules.virus_outbound):
        return []
    text = _("Infected parts of received mail are removed, and infected mail is refused when it is sent.")
    form.fields["virus_check"] = forms.BooleanField(label=_("Check mail for viruses"), required=False, help_text=text)
    return ["virus_check"]


class DomainCreateForm(DomainForm):
    name = forms.CharField(label=gettext_lazy("Domain"), max_length=253)
    host = forms.ModelChoiceField(MailHost.objects.none(), label=gettext_lazy("Mail host"), empty_label=None)

    def first(self, user: Principal) -> list[str]:
        hosts = MailHost.objects.visible_to(user)
        self._choices("host", hosts)
        name = self.fields["name"]
        name.help_text = _("Such as example.co.jp or 例え.jp.")
        name.widget.attrs.update({"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false", "autofocus": True})
        self.fields["host"].initial = hosts.first()
        return ["name", "host"]


class AdminAddressForm(PanelForm):
    """What a mail admin may change of a domain."""

    admin_address = forms.CharField(label=gettext_lazy("Admin address"), max_length=254)

    def __init__(self, *args: Any, domain: Domain, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        admin_field(self.fields["admin_address"])
        self.helper.layout = Layout("admin_address", *virus_check(self, domain))


class CustomerForm(LimitsMixin):
    """A contract's numbers."""

    limit_names = ("domains", *COUNTERS)

    def __init__(self, *args: Any, customer: Customer | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        limits = self.add_limits(dict(customer.limits) if customer else {})
        parts: list[Any] = [fieldset(_("The contract includes"), limits, NONE_MEANS)]
        if customer is None:
            self.fields["name"] = forms.CharField(label=_("Name"), max_length=100, widget=forms.TextInput(attrs={"autofocus": True}))
            parts.insert(0, "name")
        self.helper.layout = Layout(*parts)

    def limits(self) -> dict[str, Any]:
        return {key: value for key, value in super().limits().items() if value is not None}


def fieldset(legend: Any, names: list[str], help_text: Any = "") -> Any:
    """A titled group of short fields that stand side by side where there is room."""
    return Fieldset(legend, Part("forms/note.html", text=help_text), Div(*names, css_class="short-fields"), css_class="field-group")


CHOICES: dict[str, Any] = {
    "dot_string": gettext_lazy("“.” not first, last or doubled; “-” not first"),
    "plain_ends": gettext_lazy("a letter or a digit first and last"),
    "separated": gettext_lazy("a letter or a digit first and last, “.” and “-” never side by side"),
    "address": gettext_lazy("the address only"),
    "percent": gettext_lazy("user%domain as well"),
    "bare": gettext_lazy("the bare name as well"),
    "server": gettext_lazy("the server's name"),
    "pop_smtp": gettext_lazy("pop.<domain> and smtp.<domain>, and the IP address"),
    "over_ssl": gettext_lazy("the over-SSL host name; the server's until it has a certificate"),
    "domain": gettext_lazy("the domain itself"),
    "reserved": gettext_lazy("postmaster, mailer-daemon and root go to the admin address"),
    "postmaster_reserved": gettext_lazy("postmaster goes to the admin address"),
    "postmaster_mailbox": gettext_lazy("postmaster is a mailbox"),
    "contact_mailbox": gettext_lazy("one contact mailbox, postmaster goes to it"),
    "platinum": gettext_lazy("on condition, with or without a copy or attachments (platinum)"),
    "hs": gettext_lazy("profiles in two groups, the first that matches (hs)"),
    "warp": gettext_lazy("rules in order, with notices (warp)"),
    "simple": gettext_lazy("all mail, by sender or by subject; a copy is kept (standard)"),
    "aliases": gettext_lazy("forwarding addresses only (plusmail)"),
    "one_of_two": gettext_lazy("one choice of two: mark it or move it"),
    "two_switches": gettext_lazy("two switches: mark it, move it"),
    "filter_first": gettext_lazy("before all other rules"),
    "filter": gettext_lazy("after the rules"),
    "strip": gettext_lazy("the infected part is removed, a warning stands in its place"),
    "strip_notice": gettext_lazy("the infected part is removed, a notice stands on top"),
    "optional": gettext_lazy("each domain decides"),
    "delete": gettext_lazy("the mail is deleted"),
    "delete_warn": gettext_lazy("the mail is deleted, its sender is warned"),
    "refuse": gettext_lazy("the mail is refused"),
    "basic": gettext_lazy("8 to 128 printable ASCII characters, not the name"),
    "strict": gettext_lazy("at least 12, with lower case, upper case, digit and symbol"),
}


# "none" is another sentence for each rule.
NONES: dict[str, Any] = {
    "spam": gettext_lazy("none"),
    "virus_inbound": gettext_lazy("nothing is changed"),
    "virus_outbound": gettext_lazy("the mail is refused, the sender is told at once"),
}
# Legend → the rules under it, in the plan table's order; a rule that is in none stands in the last.
GROUPS: tuple[tuple[Any, tuple[str, ...]], ...] = (
    (
        gettext_lazy("Names and logins"),
        ("local_part", "unique_on_server", "login_form", "client_host_names", "system_addresses", "password_rule", "group_addresses"),
    ),
    (gettext_lazy("Capacity"), ("storage", "mailbox_messages", "message_size", "unpacked_archive")),
    (gettext_lazy("Forwarding"), ("forwarding", "profiles_max", "own_scripts")),
    (gettext_lazy("Auto-reply"), ("auto_reply",)),
    (gettext_lazy("Spam and filters"), ("spam", "domain_filters")),
    (gettext_lazy("Viruses"), ("virus",)),
    (gettext_lazy("More"), ("",)),
)


def grouped(rules: Iterable[RuleField[Any]]) -> list[tuple[Any, list[RuleField[Any]]]]:
    """The rules under their legends, none left out; a legend without rules is."""
    found: dict[Any, list[RuleField[Any]]] = {legend: [] for legend, _begins in GROUPS}
    for spec in rules:
        legend = next(legend for legend, begins in GROUPS if spec.name.startswith(begins))
        found[legend].append(spec)
    return [(legend, specs) for legend, specs in found.items() if specs]


def live_rules() -> Iterator[RuleField[Any]]:
    """The plan values that servers obey today, in the plan table's order."""
    names = set(enforced())
    return (field for field in fields(Rules) if field.name in names)


def rule_field(spec: RuleField[Any]) -> forms.Field:
    """The form field of one plan value, by its type and limits."""
    kinds = get_args(get_type_hints(Rules)[spec.name]) or (get_type_hints(Rules)[spec.name],)
    label, meta = spec.metadata["label"], spec.metadata
    if bool in kinds:
        return forms.BooleanField(label=label, required=False)
    if int in kinds:
        optional = type(None) in kinds
        help_text = NONE_MEANS if optional else ""
        return forms.IntegerField(label=label, required=not optional, min_value=meta["low"], max_value=meta["high"], help_text=help_text)
    if not meta["choices"]:
        return forms.CharField(label=label, required=meta["low"] > 0, max_length=TEXT_MAX)
    return forms.ChoiceField(label=label, choices=[(key, _choice(spec.name, key)) for key in meta["choices"]])


def _choice(rule: str, key: str) -> Any:
    return NONES[rule] if key == "none" else CHOICES.get(key, key)


class PlanForm(PanelForm):
    """A plan's title and its values that are obeyed today."""

    title = forms.CharField(label=gettext_lazy("Title"), max_length=100)
    is_new = False

    def __init__(self, *args: Any, rules: Rules, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        values = as_json(rules)
        for spec in live_rules():
            self.fields[spec.name] = rule_field(spec)
            self.fields[spec.name].initial = values[spec.name]
        groups = [Fieldset(legend, *[spec.name for spec in specs], css_class="field-group") for legend, specs in grouped(live_rules())]
        self.helper.layout = Layout(*self.first(), *groups)

    def first(self) -> list[str]:
        return ["title"]

    def values(self) -> dict[str, Any]:
        return {spec.name: self.cleaned_data[spec.name] for spec in live_rules()}


class PlanCreateForm(PlanForm):
    name = forms.CharField(label=gettext_lazy("Name"), max_length=63, validators=[slug])
    field_order = ("name", "title")

    def first(self) -> list[str]:
        self.fields["name"].widget.attrs["autofocus"] = True
        return ["name", "title"]


class OverridesForm(PanelForm):
    """A domain's own values over its plan's: each counts only where its box is ticked."""

    def __init__(self, *args: Any, domain: Domain, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        values = as_json(domain.rules)
        for spec in live_rules():
            self.fields[f"own_{spec.name}"] = forms.BooleanField(
                required=False, initial=spec.name in domain.overrides, label=spec.metadata["label"]
            )
            field = rule_field(spec)
            if isinstance(field, forms.BooleanField):  # beside the box to tick, a second box would say nothing
                field = forms.TypedChoiceField(choices=YES_NO, coerce=lambda text: text == "yes")
            field.required = False
            field.label = _("%(rule)s: value of this domain") % {"rule": spec.metadata["label"]}
            value = values[spec.name]
            field.initial = ("yes" if value else "no") if isinstance(value, bool) else value
            self.fields[spec.name] = field

    def groups(self) -> Iterator[tuple[Any, list[tuple[Any, Any]]]]:
        """Under each legend: the box to tick, and the value."""
        for legend, specs in grouped(live_rules()):
            yield legend, [(self[f"own_{spec.name}"], self[spec.name]) for spec in specs]

    def overrides(self) -> dict[str, Any]:
        return {spec.name: self.cleaned_data[spec.name] for spec in live_rules() if self.cleaned_data[f"own_{spec.name}"]}
