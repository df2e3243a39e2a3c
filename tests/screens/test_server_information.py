"""Server information and the guides for mail programs, with the person's own values (A18)."""

import re
import subprocess
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.test import Client
from playwright.sync_api import Page

from accounts.models import Domain, MailHost
from accounts.presets import PRESETS
from mailsettings import guides
from tests.conftest import Cast, make_mailbox
from tests.screens.conftest import MakeBox, SignIn, sign_in
from tests.unit.test_discovery import decoded

pytestmark = pytest.mark.django_db

OWN, GUIDES = "/me/server-information/", [f"/me/set-up/{slug}/" for slug in guides.PROGRAMS]


@pytest.fixture(autouse=True)
def named_host(cast: Cast) -> None:
    MailHost.objects.update(hostname="mail.example.net", ipv4="192.0.2.10", ipv6="2001:db8::10")


def text_of(client: Client, path: str, language: str = "en") -> str:
    """What the page's main part says, without tags."""
    answer = client.get(path, headers={"Accept-Language": language})
    assert answer.status_code == 200, path
    main = answer.content.decode().partition("<main")[2].partition("</main>")[0]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", main.replace("<wbr>", "")))


def test_a_user_finds_everything_for_the_own_address(cast: Cast, as_user: SignIn) -> None:
    text = text_of(as_user(cast.mia), OWN)
    for wanted in ("mail.example.net", "993", "143", "995", "110", "465", "587", "SSL/TLS", "STARTTLS", "192.0.2.10", "2001:db8::10"):
        assert wanted in text
    assert "mia%a.example.com" in text
    assert "Thunderbird" in text


@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize("slug", guides.PROGRAMS)
@pytest.mark.parametrize("plan", sorted(PRESETS))
def test_each_guide_holds_the_persons_own_values(plan: str, slug: str, language: str, make_box: MakeBox, as_user: SignIn) -> None:
    box = make_box(plan)
    text = text_of(as_user(box), f"/me/set-up/{slug}/", language)
    login = {"platinum": "nina%platinum.example.com", "plusmail": "nina"}.get(plan, box.address)
    incoming = ("POP", "995") if plan in ("hs", "plusmail") else ("IMAP", "993")
    for wanted in (box.address, login, "mail.example.net", *incoming, "465"):
        assert wanted in text
    assert "{" not in text
    assert ("IMAP" in text) == (incoming[0] == "IMAP")
    assert "STARTTLS" in text or slug != "other"


def steps_of(client: Client, path: str, language: str) -> list[str]:
    page = client.get(path, headers={"Accept-Language": language}).content.decode()
    return re.findall(r"<li>(.*?)</li>", "".join(re.findall(r'<ol class="guide-steps">(.*?)</ol>', page)))


def test_the_guides_speak_japanese(cast: Cast, as_user: SignIn) -> None:
    """Every step has its own words: none is left in English."""
    mia = as_user(cast.mia)
    for path in GUIDES:
        english, japanese = (set(steps_of(mia, path, language)) for language in ("en", "ja"))
        assert english
        assert not english & japanese, path


@pytest.mark.parametrize("slug", [slug for slug, program in guides.PROGRAMS.items() if not program.phone])
def test_a_code_is_for_phones_only(slug: str, cast: Cast, as_user: SignIn) -> None:
    assert b'class="qr"' not in as_user(cast.mia).get(f"/me/set-up/{slug}/").content


@pytest.mark.parametrize(
    ("slug", "leads"), [("iphone", "/setup/apple.mobileconfig?address=mia%40a.example.com"), ("gmail", "/me/set-up/gmail/")]
)
def test_a_phone_is_led_there_over_https(slug: str, leads: str, cast: Cast, as_user: SignIn, tmp_path: Path) -> None:
    """The same for an admin who hands the page on: the person signs in on the phone."""
    for who, path in ((cast.mia, f"/me/set-up/{slug}/"), (cast.bob, f"/mailboxes/mia@a.example.com/set-up/{slug}/")):
        page = as_user(who).get(path, secure=True).content.decode()
        found = re.search('<svg class="qr".*?</svg>', page)
        assert found
        assert decoded(found[0], tmp_path) == f"https://testserver{leads}"


def test_the_profile_is_offered_on_apples_pages(cast: Cast, as_user: SignIn) -> None:
    mia = as_user(cast.mia)
    with_profile = [path for path in GUIDES if "apple.mobileconfig?address=mia%40a.example.com" in mia.get(path).content.decode()]
    assert with_profile == ["/me/set-up/mac/", "/me/set-up/iphone/"]


def test_the_plans_own_names_are_shown_with_a_warning(make_box: MakeBox, as_user: SignIn) -> None:
    """hs: pop.<domain>, smtp.<domain> and the address; no certificate covers them before A19."""
    text = text_of(as_user(make_box("hs")), OWN)
    for wanted in ("pop.hs.example.com", "smtp.hs.example.com", "192.0.2.10", "The certificate covers mail.example.net only"):
        assert wanted in text
    assert "covers" not in text_of(as_user(make_box("standard")), OWN)


def test_an_admin_finds_the_domains_and_each_mailboxs(cast: Cast, as_user: SignIn) -> None:
    for who in (cast.operator, cast.alice, cast.bob):
        client = as_user(who)
        assert "name%a.example.com" in text_of(client, "/domains/a.example.com/server-information/")
        assert "mia%a.example.com" in text_of(client, "/mailboxes/mia@a.example.com/server-information/")
        assert "mia%a.example.com" in text_of(client, "/mailboxes/mia@a.example.com/set-up/thunderbird/")


def test_a_web_admin_finds_the_domains_from_the_overview(cast: Cast, as_user: SignIn) -> None:
    """R4: server information and nothing about mail."""
    wendy = as_user(cast.wendy)
    page = wendy.get("/domains/a.example.com/server-information/").content.decode()
    assert "mail.example.net" in page
    assert "/mailboxes/" not in page
    assert '"/domains/a.example.com/"' not in page
    assert "/domains/a.example.com/server-information/" in wendy.get("/").content.decode()


def test_a_host_without_a_name_is_said_to_have_none(cast: Cast, as_user: SignIn) -> None:
    """No guess that is wrong; the operator is led to where it is set."""
    MailHost.objects.update(hostname="")
    assert "name is not set" in text_of(as_user(cast.mia), OWN)
    assert as_user(cast.mia).get(GUIDES[0]).status_code == 404
    domain = "/domains/a.example.com/server-information/"
    assert "/mail-hosts/mx1/" not in as_user(cast.bob).get(domain).content.decode()
    assert "/mail-hosts/mx1/" in as_user(cast.operator).get(domain).content.decode()


def test_without_anything_to_send_by_there_is_no_guide(cast: Cast, as_user: SignIn) -> None:
    MailHost.objects.update(ports={"submissions": 0, "submission": 0})
    mia = as_user(cast.mia)
    assert "/me/set-up/" not in mia.get(OWN).content.decode()
    assert mia.get(GUIDES[0]).status_code == 404


def test_no_program_of_another_name(cast: Cast, as_user: SignIn) -> None:
    assert as_user(cast.mia).get("/me/set-up/nonsense/").status_code == 404


def test_queries(cast: Cast, as_user: SignIn, django_assert_max_num_queries: object) -> None:
    """The pages ask nothing beyond who it is, and the sidebar's own."""
    mia, bob = as_user(cast.mia), as_user(cast.bob)
    with django_assert_max_num_queries(8):  # type: ignore[operator]
        mia.get(GUIDES[0])
    with django_assert_max_num_queries(10):  # type: ignore[operator]
        bob.get("/domains/a.example.com/server-information/")


def test_an_international_domain_reads_and_signs_in(cast: Cast, as_user: SignIn) -> None:
    """U-labels to read; what a program is given has A-labels, which every server takes."""
    Domain.objects.filter(pk=cast.domain.pk).update(name="xn--r8jz45g.jp")
    box = make_mailbox(Domain.objects.get(name="xn--r8jz45g.jp"), "ken")
    text = text_of(as_user(box), GUIDES[0])
    assert "ken@例え.jp" in text
    assert "ken@xn--r8jz45g.jp" in text
    assert "ken%xn--r8jz45g.jp" in text


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_a_value_is_copied_and_said(cast: Cast, page: Page) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    sign_in(page, "mia@a.example.com", at="/mail/login/")
    page.goto("/me/set-up/thunderbird/")
    button = page.get_by_role("button", name="Copy mia%a.example.com").first
    button.focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == "mia%a.example.com"


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_the_code_on_the_screen_is_read_in_the_dark_too(cast: Cast, page: Page, tmp_path: Path) -> None:
    """A photograph of the page, through a real decoder."""
    page.emulate_media(color_scheme="dark")
    sign_in(page, "mia@a.example.com", at="/mail/login/")
    page.goto("/me/set-up/iphone/")
    page.locator("svg.qr").screenshot(path=tmp_path / "qr.png")
    read = subprocess.run(["zbarimg", "-q", "--raw", str(tmp_path / "qr.png")], capture_output=True, text=True, check=True)
    assert read.stdout.strip().endswith("/setup/apple.mobileconfig?address=mia%40a.example.com")


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("path", [OWN, "/me/set-up/iphone/", "/me/set-up/other/"])
def test_axe_finds_nothing(path: str, cast: Cast, page: Page) -> None:
    sign_in(page, "mia@a.example.com", at="/mail/login/")
    page.goto(path)
    assert Axe().run(page).violations_count == 0, Axe().run(page).generate_report()
