"""The fixed cast: every test speaks of the same people, so a permission test is one line.

alice runs a contract with the domain a.example.com, bob is its mail admin, wendy its web admin, mia a mailbox
user in it. charlie runs another contract, with b.example.com, and is the outsider.
"""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.conf import settings
from django.http import HttpRequest
from django.test import Client
from django.utils import translation
from playwright.sync_api import Browser, sync_playwright

from accounts import passwords, signin
from accounts.management.commands.setup import load_presets
from accounts.models import Admin, Customer, Domain, Mailbox, MailHost, Plan
from accounts.services import contracts, domains, mailboxes, people
from panel.base.tenancy import SYSTEM, Role

PASSWORD = "Tegami#Mail2026x"
LEFT_OUT = pytest.StashKey[list[str]]()


@dataclass(frozen=True)
class Cast:
    """Who is who."""

    operator: Admin
    alice: Admin
    bob: Admin
    wendy: Admin
    charlie: Admin
    mia: Mailbox
    foreign_box: Mailbox
    domain: Domain
    foreign_domain: Domain


@pytest.fixture(autouse=True)
def cheap_hashes(request: pytest.FixtureRequest, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same schemes at next to no cost: tests make thousands of passwords. The password tests keep the real cost."""
    if "test_passwords" in request.node.nodeid:
        return
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    monkeypatch.setattr(passwords, "CONTEXT", passwords.CONTEXT.using(argon2__memory_cost=8, argon2__time_cost=1))


@pytest.fixture(autouse=True)
def unthrottled(settings: Any) -> None:
    """Rolled-back rows give their keys to the next test's: the counters in the cache would go on. Tests of the rate set one."""
    settings.API_RATE = 0


def sign_in_mailbox(client: Client, mailbox: Mailbox) -> None:
    """What /mail/login/ does once the password was right: as `client.force_login` for an admin."""
    request = HttpRequest()
    request.session = client.session
    signin.sign_in_mailbox(request, mailbox)
    request.session.save()
    client.cookies[settings.SESSION_COOKIE_NAME] = str(request.session.session_key)


@pytest.fixture(autouse=True)
def in_english() -> Iterator[None]:
    """A page that another test asked for in Japanese leaves the thread in Japanese."""
    with translation.override("en"):
        yield


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    # Playwright's event loop runs in this thread, beside the ORM that the fixtures use.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    args = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=args)
        yield opened
        opened.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def host(db: None) -> MailHost:
    load_presets()
    return MailHost.objects.create(name="mx1")


def make_domain(name: str, plan: str, customer: Customer, host: MailHost) -> Domain:
    """A domain under a preset, its admin address outside."""
    preset = Plan.objects.get(name=plan)
    made, _ = domains.create_domain(name, customer=customer, plan=preset, host=host, admin_address="boss@example.net", acting_user=SYSTEM)
    return made


def make_mailbox(domain: Domain, local: str) -> Mailbox:
    made, _ = mailboxes.create_mailbox(domain, local, PASSWORD, acting_user=SYSTEM)
    return made


def make_admin(login: str, role: Role, customer: Customer | None, of: tuple[Domain, ...] = ()) -> Admin:
    return people.create_admin(login, password=PASSWORD, role=role, customer=customer, domains=of, acting_user=SYSTEM)


@pytest.fixture
def cast(host: MailHost) -> Cast:
    ours = contracts.create_customer("ours", limits={}, acting_user=SYSTEM)
    theirs = contracts.create_customer("theirs", limits={}, acting_user=SYSTEM)
    domain = make_domain("a.example.com", "platinum", ours, host)
    foreign = make_domain("b.example.com", "platinum", theirs, host)
    return Cast(
        operator=make_admin("operator", Role.OPERATOR, None),
        alice=make_admin("alice", Role.CUSTOMER_ADMIN, ours),
        bob=make_admin("bob", Role.MAIL_ADMIN, ours, (domain,)),
        wendy=make_admin("wendy", Role.WEB_ADMIN, ours, (domain,)),
        charlie=make_admin("charlie", Role.CUSTOMER_ADMIN, theirs),
        mia=make_mailbox(domain, "mia"),
        foreign_box=make_mailbox(foreign, "max"),
        domain=domain,
        foreign_domain=foreign,
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out what cannot run here, by name, and never silently."""
    for item in items:
        if "tests/stack/" in item.nodeid:
            item.add_marker(pytest.mark.stack)
    lacking = {"stack": not os.environ.get("TEGAMI_TEST_STACK"), "browser": shutil.which("chromium") is None}
    left_out = [item for item in items if any(lacking[mark] and item.get_closest_marker(mark) for mark in lacking)]
    # The browser's event loop runs in this thread until the end: what runs a loop of its own comes before.
    items.sort(key=lambda item: "browser" in getattr(item, "fixturenames", ()))
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in set(left_out)]
        config.stash[LEFT_OUT] = [item.nodeid for item in left_out]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for name in config.stash.get(LEFT_OUT, []):
        terminalreporter.write_line(f"LEFT OUT {name}")


def pytest_sessionfinish(session: pytest.Session) -> None:
    if session.config.stash.get(LEFT_OUT, []) and os.environ.get("CI") == "true":
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
