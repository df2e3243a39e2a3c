"""What a domain publishes: `/domains/<name>/dns/` and `/domains/<name>/dkim/`. Web admins have a part in both (R4)."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import names
from accounts.models import Domain
from mailsettings.api.owned import Owned
from mailsettings.dns import records, words
from mailsettings.dns.judge import JUDGES, State
from mailsettings.dns.records import HOST, Record
from mailsettings.models import DkimKey, DnsCheck, KeyState
from mailsettings.services import dkim, dns
from panel.base.api import schema
from panel.base.api.fields import Flag, Strict
from panel.base.models import Change
from panel.base.tenancy import Principal, Role

STATES = [(state.value, state.value) for state in State]
schema.name_enums(DnsState=STATES, DkimState=KeyState.choices)


class RecordSerializer(serializers.Serializer[Any]):
    purpose = serializers.ChoiceField(choices=sorted(JUDGES))
    group = serializers.ChoiceField(choices=list(words.GROUPS), help_text="`list`: of the plan's list domain; `host`: operators only.")
    name = serializers.CharField(help_text="A-labels, without the dot at the end.")
    type = serializers.ChoiceField(choices=["MX", "TXT", "CNAME", "SRV"])
    value = serializers.CharField(help_text="What to publish; a TXT's text whole.")
    needed = serializers.BooleanField(help_text="Mail suffers without it; otherwise it only helps mail programs.")
    state = serializers.ChoiceField(choices=STATES, allow_null=True, help_text="By the last check; null = not looked at yet.")
    found = serializers.ListField(child=serializers.CharField(), help_text="What is published there, as far as it was looked at.")
    reason = serializers.CharField(help_text="The fault, for programs; may be empty.")
    text = serializers.CharField(help_text="The fault, for people, in the language of the request.")


class DnsSerializer(serializers.Serializer[Any]):
    hostname = serializers.CharField(help_text="The mail host's; empty = not set yet, and what needs it is left out.")
    checked_at = serializers.DateTimeField(allow_null=True)
    worst = serializers.ChoiceField(choices=STATES, allow_null=True, help_text="Of the records that are needed, at the last check.")
    records = RecordSerializer(many=True)
    zone = serializers.CharField(help_text="The records as text for a zone file; long texts are cut into strings of 255.")


class KeySerializer(serializers.Serializer[Any]):
    selector = serializers.CharField()
    state = serializers.ChoiceField(
        choices=KeyState.choices,
        help_text="`published`: to be published, signs once its record was seen; `active`: signs; `retired`: record to be kept.",
    )
    name = serializers.CharField(help_text="Where its record belongs.")
    value = serializers.CharField(help_text="The record's text.")
    created_at = serializers.DateTimeField()
    seen_at = serializers.DateTimeField(allow_null=True, help_text="When its record was first found in DNS.")
    active_at = serializers.DateTimeField(allow_null=True)
    retired_at = serializers.DateTimeField(allow_null=True)
    remove_at = serializers.DateTimeField(allow_null=True, help_text="When a retired key and the need for its record end.")


class KeysSerializer(serializers.Serializer[Any]):
    keys = KeySerializer(many=True)  # type: ignore[assignment]  # the name is the contract's


class SwitchBody(Strict):
    force = Flag(required=False, help_text="Also where the record has not been seen: what is signed can then not be verified.")


class OfServedDomain(Owned):
    """Of a domain whose DNS the role may see: a web admin's too, and no mailbox user's."""

    resource = "dns"
    model: ClassVar[Any] = Domain
    owner_field = "domain"
    owner_kwarg = "domain"

    def owners(self) -> QuerySet[Any]:
        found: QuerySet[Any] = Domain.objects.served_for(self.principal).select_related("plan", "host")
        return found

    def owner_key(self, name: str) -> dict[str, str]:
        return {"name": names.to_ascii(name)}


class DnsApi(OfServedDomain):
    """The records that the domain should publish, with what the last look at DNS found."""

    serializer_class = DnsSerializer
    reaches_servers = False

    def retrieve(self, request: Request, **where: str) -> Response:
        domain = self.owner()
        return self.shown_unless_known(request, domain, shown(domain, self.principal))


class DnsCheckApi(DnsApi):
    body_classes: ClassVar[Any] = {"check": Strict}
    only_reads = True

    @extend_schema(request=None, responses=DnsSerializer)
    def check(self, request: Request, **where: str) -> Response:
        """Looks now, at most 5 seconds. What does not answer in time is `unknown`, never `missing`."""
        domain = self.owner()
        self.body()
        dns.check(domain)
        return self.answer(domain, shown(domain, self.principal))


def shown(domain: Domain, user: Principal) -> dict[str, Any]:
    """Two queries, whatever the number of records."""
    wanted = [record for record in dns.records_of(domain, domain.dkim_keys.all()) if record.group != HOST or user.role == Role.OPERATOR]
    look = DnsCheck.objects.filter(domain=domain).first()
    return {
        "hostname": domain.host.hostname,
        "checked_at": look.checked_at if look else None,
        "worst": look.worst if look else None,
        "records": [_record(record, look) for record in wanted],
        "zone": records.zone_text(tuple(record for record in wanted if record.group != HOST), domain.name),
    }


def _record(record: Record, look: DnsCheck | None) -> dict[str, Any]:
    finding = dns.finding_of(record, look)
    return {
        "purpose": record.purpose,
        "group": record.group,
        "name": record.name,
        "type": record.kind,
        "value": record.value,
        "needed": record.needed,
        "state": finding.state if finding else None,
        "found": list(finding.found) if finding else [],
        "reason": finding.why if finding else "",
        "text": words.why(finding.why, finding.about) if finding else "",
    }


class DkimApi(OfServedDomain):
    """The keys that sign the domain's mail. Private keys never leave the panel but to the mail host."""

    serializer_class = KeysSerializer
    body_classes: ClassVar[Any] = {"rotate": Strict, "switch": SwitchBody}
    acts = dict.fromkeys(("rotate", "switch"), "dkim.write")

    def retrieve(self, request: Request, **where: str) -> Response:
        domain = self.owner()
        return self.shown_unless_known(request, domain, _all_shown(domain))

    @extend_schema(request=None, responses=KeysSerializer)
    def rotate(self, request: Request, **where: str) -> Response:
        """Makes a new key to publish. It signs by itself once its record was seen; 409 while one waits already."""
        domain = self._writable()
        self.body()
        return self._done(domain, dkim.make_key(domain, acting_user=self.principal)[1])

    @extend_schema(request=SwitchBody, responses=KeysSerializer)
    def switch(self, request: Request, **where: str) -> Response:
        """Lets the new key sign now. 409 where there is none, or where its record has not been seen (`force` overrides)."""
        domain = self._writable()
        force = bool(self.body().get("force"))
        return self._done(domain, dkim.switch(domain, force=force, acting_user=self.principal)[1])

    def _writable(self) -> Domain:
        domain: Domain = self.owner()
        self.allow()
        return domain

    def _done(self, domain: Domain, change: Change) -> Response:
        return self.answer(domain, _all_shown(domain), change=change)


class DkimKeyApi(OfServedDomain):
    """One key."""

    model = DkimKey
    serializer_class = KeySerializer
    named_by = "selector"
    lookup_url_kwarg = "selector"
    acts = {"destroy": "dkim.write"}

    def visible(self) -> QuerySet[Any]:
        return super().visible().filter(domain=self.owner()).select_related("domain")

    @extend_schema(operation_id="domains_dkim_key_retrieve")
    def retrieve(self, request: Request, **where: str) -> Response:
        return super().retrieve(request, **where)

    @extend_schema(operation_id="domains_dkim_key_delete")
    def destroy(self, request: Request, **where: str) -> Response:
        """Removes the key for good. If it is the one that signs, mail leaves unsigned from then on."""
        return self.deleted(lambda key: dkim.delete_key(key, acting_user=self.principal))

    def shown(self, row: Any) -> Any:
        return _key(row)


def _all_shown(domain: Domain) -> dict[str, Any]:
    return {"keys": [_key(key) for key in domain.dkim_keys.select_related("domain")]}


def _key(key: DkimKey) -> dict[str, Any]:
    more = {
        "name": f"{key.selector}._domainkey.{key.domain.name}",
        "value": records.dkim(key.public),
        "remove_at": dkim.remove_at(key),
    }
    fields = ("selector", "state", "created_at", "seen_at", "active_at", "retired_at")
    return dict(KeySerializer({**{field: getattr(key, field) for field in fields}, **more}).data)
