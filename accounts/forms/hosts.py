"""What the operator says of a mail host."""

from typing import Any

from crispy_forms.layout import Layout
from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.forms.base import PanelForm
from accounts.forms.tenants import fieldset
from accounts.models import MailHost
from accounts.models.tenants import PORTS

SERVICES = {
    "imaps": gettext_lazy("IMAP with SSL/TLS"),
    "imap": gettext_lazy("IMAP with STARTTLS"),
    "pop3s": gettext_lazy("POP with SSL/TLS"),
    "pop3": gettext_lazy("POP with STARTTLS"),
    "submissions": gettext_lazy("SMTP with SSL/TLS"),
    "submission": gettext_lazy("SMTP with STARTTLS"),
    "smtp": gettext_lazy("SMTP from other servers"),
}


class MailHostForm(PanelForm):
    """Name, addresses and ports as the world sees them."""

    hostname = forms.CharField(label=gettext_lazy("Host name"), max_length=253, required=False)
    ipv4 = forms.GenericIPAddressField(label=gettext_lazy("IPv4 address"), protocol="IPv4", required=False)
    ipv6 = forms.GenericIPAddressField(label=gettext_lazy("IPv6 address"), protocol="IPv6", required=False)

    def __init__(self, *args: Any, host: MailHost, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["hostname"].help_text = _(
            "The full name that the server's certificate covers, such as mail.example.com. Left blank: not set."
        )
        for name in ("hostname", "ipv4", "ipv6"):
            self.fields[name].widget.attrs.update({"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"})
        for service, usual in PORTS.items():
            field = forms.IntegerField(label=SERVICES[service], required=False, min_value=0, max_value=65_535)
            field.initial = host.ports.get(service)
            field.widget.attrs["placeholder"] = str(usual)
            self.fields[f"port_{service}"] = field
        note = _("Left blank: the usual one. 0: not offered to mail programs.")
        self.helper.layout = Layout("hostname", "ipv4", "ipv6", fieldset(_("Ports"), [f"port_{service}" for service in PORTS], note))

    def values(self) -> dict[str, Any]:
        """For the service: an address that was left blank is none."""
        ports = {service: self.cleaned_data[f"port_{service}"] for service in PORTS}
        addresses = {name: self.cleaned_data[name] or None for name in ("ipv4", "ipv6")}
        return {"hostname": self.cleaned_data["hostname"], **addresses, "ports": ports}
