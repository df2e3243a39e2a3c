"""Demo data under example names: a customer with a domain under each plan, admins, a few mailboxes."""

from typing import Any

from accounts.models import Customer, Domain, MailHost, Plan
from accounts.services import contracts, domains, expansions, mailboxes, people
from panel.base.tenancy import SYSTEM, Role

PASSWORD = "Tegami#Demo2026x"
DOMAINS = {
    "platinum.example.com": "platinum",
    "hs.example.com": "hs",
    "warp.example.com": "warp",
    "standard.example.com": "standard",
    "plusmail.example.com": "plusmail",
    "xn--r8jz45g.example.com": "standard",  # 例え
}
BOXES = (("sales", "Sales", 5_120), ("support", "サポート窓口", 5_120), ("office", "営業部", 2_048), ("news", "お知らせ配信", 1_024))


def load(host: MailHost) -> list[dict[str, str]]:
    """Makes the demo data once; returns the demo logins either way."""
    if not Customer.objects.filter(name="Example Trading").exists():
        _make(host)
    page, user_page = "/login/", "/mail/login/"
    return [
        _login("customer admin", "customer", page),
        _login("domain mail admin", "mailadmin", page),
        _login("domain web admin", "webadmin", page),
        _login("mailbox user", "sales@standard.example.com", user_page),
    ]


def _login(role: str, login: str, page: str) -> dict[str, str]:
    return {"role": role, "login": login, "password": PASSWORD, "page": page}


def _make(host: MailHost) -> None:
    limits = {"domains": 10, "accounts": 300, "aliases": 100, "groups": 20, "storage_mb": 1_000_000}
    customer = contracts.create_customer("Example Trading", limits=limits, acting_user=SYSTEM)
    contracts.create_customer("Example Foods", limits={}, acting_user=SYSTEM)
    made = [_domain(name, plan, customer, host) for name, plan in DOMAINS.items()]
    standard = next(domain for domain in made if domain.name == "standard.example.com")
    _admin("customer", Role.CUSTOMER_ADMIN, customer, [])
    _admin("mailadmin", Role.MAIL_ADMIN, customer, [standard])
    _admin("webadmin", Role.WEB_ADMIN, customer, [standard])


def _admin(login: str, role: Role, customer: Customer, of: list[Domain]) -> None:
    people.create_admin(login, password=PASSWORD, role=role, customer=customer, domains=of, acting_user=SYSTEM)


def _domain(name: str, plan: str, customer: Customer, host: MailHost) -> Domain:
    rows: dict[str, Any] = {"customer": customer, "plan": Plan.objects.get(name=plan), "host": host}
    domain, _ = domains.create_domain(name, admin_address="operator@example.net", acting_user=SYSTEM, **rows)
    bare = domain.rules.unique_on_server
    for local, comment, quota in BOXES:
        small: dict[str, Any] = {} if domain.rules.storage_default_mb in (None, 10) else {"quota_mb": quota}
        mailboxes.create_mailbox(domain, local, PASSWORD, comment=comment, acting_user=SYSTEM, **small)
    if not bare:
        expansions.create_alias(domain, "info", [f"sales@{domain.name}", "archive@example.net"], acting_user=SYSTEM)
    if domain.rules.group_addresses:
        members = [f"sales@{domain.name}", f"support@{domain.name}"]
        expansions.create_group(domain, "everyone", members, acting_user=SYSTEM)
    return domain
