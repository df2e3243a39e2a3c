"""/notices/: the message board."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import Notice
from accounts.services import board, domains, standing
from panel.base.tenancy import SYSTEM
from tests.api.conftest import As, codes_of, fields_of
from tests.conftest import Cast

pytestmark = pytest.mark.django_db


def titles(api: Any, **query: str) -> list[str]:
    words = "&".join(f"{key}={value}" for key, value in query.items())
    answer = api.get(f"/notices/?{words}")
    assert answer.status_code == 200, answer.json()
    return [row["title"] for row in answer.json()["results"]]


def write(title: str, **fields: Any) -> Notice:
    return board.create_notice(title=title, acting_user=SYSTEM, **{"audience": "everyone", **fields})


def test_an_operator_writes_one_for_a_domain(cast: Cast, api: As) -> None:
    answer = api(cast.operator).post(
        "/notices/", {"title": "Sunday", "text": "two\nlines", "level": "warning", "audience": "admins", "domain": "A.example.com"}
    )
    assert answer.status_code == 201
    found = answer.json()
    assert answer["Location"].endswith(f"/notices/{found['id']}/")
    assert "Change-Id" not in answer
    told = {
        key: found[key] for key in ("code", "title", "text", "level", "audience", "customer", "domain", "account", "ends_at", "dismissed")
    }
    assert told == {
        "code": "",
        "title": "Sunday",
        "text": "two\nlines",
        "level": "warning",
        "audience": "admins",
        "customer": "ours",
        "domain": "a.example.com",
        "account": None,
        "ends_at": None,
        "dismissed": False,
    }
    assert titles(api(cast.bob)) == ["Sunday"]
    assert titles(api(cast.mia)) == titles(api(cast.charlie)) == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "title"),
        ({"title": ""}, "title"),
        ({"title": "a\nb"}, "title"),
        ({"title": "x", "text": "a\u0007b"}, "text"),
        ({"title": "x", "level": "loud"}, "level"),
        ({"title": "x", "audience": "nobody"}, "audience"),
        ({"title": "x", "customer": "nobody"}, "customer"),
        ({"title": "x", "domain": "nowhere.example.net"}, "domain"),
        ({"title": "x", "starts_at": "tomorrow"}, "starts_at"),
        ({"title": "x", "starts_at": "2030-01-02T00:00:00Z", "ends_at": "2030-01-01T00:00:00Z"}, "ends_at"),
        ({"title": "x", "code": "password_forced"}, "code"),
        ({"title": "x", "body": "y"}, "body"),
    ],
)
def test_what_is_wrong_is_refused_with_its_field(cast: Cast, api: As, body: dict[str, Any], field: str) -> None:
    answer = api(cast.operator).post("/notices/", body)
    assert answer.status_code == 400
    assert fields_of(answer) == [field]
    assert not Notice.objects.exists()


def test_changing_keeps_what_is_not_sent(cast: Cast, api: As) -> None:
    notice = write("Old", body="text", domain=cast.domain)
    operator, path = api(cast.operator), f"/notices/{notice.pk}/"
    tag = operator.get(path)["ETag"]
    found = operator.patch(path, {"title": "New", "ends_at": "2099-01-01T00:00:00Z"}, If_Match=tag).json()
    assert (found["title"], found["text"], found["domain"]) == ("New", "text", "a.example.com")
    assert operator.patch(path, {"title": "x"}, If_Match=tag).status_code == 412
    assert operator.patch(path, {"domain": None}).json()["customer"] == "ours"
    assert operator.delete(path).status_code == 204
    assert operator.get(path).status_code == 404


def test_the_systems_notices_speak_the_language_of_the_request_and_are_not_edited(cast: Cast, api: As) -> None:
    standing.force_password_change([cast.mia], acting_user=SYSTEM)
    path = f"/notices/{Notice.objects.get().pk}/"
    bob = api(cast.bob)
    english, japanese = bob.get(path).json(), bob.get(path, Accept_Language="ja").json()
    assert (english["code"], english["account"]) == ("password_forced", "mia@a.example.com")
    assert english["title"] == "mia@a.example.com needs a new password" != japanese["title"]
    answer = api(cast.operator).patch(path, {"title": "mine"})
    assert (answer.status_code, codes_of(answer)) == (400, ["system"])


def test_dismissing_is_ones_own(cast: Cast, api: As) -> None:
    path = f"/notices/{write('Hello').pk}/"
    for who in (cast.bob, cast.mia):
        assert api(who).post(path + "dismiss/").json()["dismissed"] is True
        assert titles(api(who), dismissed="false") == []
        assert titles(api(who), dismissed="true") == ["Hello"]
    assert titles(api(cast.alice), dismissed="false") == ["Hello"]


def test_only_operators_see_what_is_not_shown_now(cast: Cast, api: As) -> None:
    now, day = timezone.now(), timedelta(days=1)
    write("gone", starts_at=now - 2 * day, ends_at=now - day)
    later = write("later", starts_at=now + day)
    write("now")
    assert titles(api(cast.bob)) == titles(api(cast.operator), current="true") == ["now"]
    assert titles(api(cast.operator), current="false") == ["gone", "later"]
    assert api(cast.bob).get(f"/notices/{later.pk}/").status_code == 404
    assert api(cast.bob).post(f"/notices/{later.pk}/dismiss/").status_code == 404


def test_the_list_is_filtered_and_searched(cast: Cast, api: As) -> None:
    write("Sunday", level="warning", audience="admins", domain=cast.domain)
    write("Prices", body="higher", customer=cast.foreign_domain.customer)
    operator = api(cast.operator)
    assert (
        titles(operator, level="warning") == titles(operator, domain="a.example.com") == titles(operator, audience="admins") == ["Sunday"]
    )
    assert titles(operator, customer="theirs") == titles(operator, search="HIGHER") == ["Prices"]
    assert titles(operator, ordering="-id") == ["Prices", "Sunday"]
    assert operator.get("/notices/?nonsense=1").status_code == 400


def test_a_token_that_is_limited_to_domains_reads_and_does_not_write(cast: Cast, api: As) -> None:
    """R8: it reaches everybody's notices and those of its domains, and nobody's board."""
    write("ours", domain=cast.domain)
    write("theirs", domain=cast.foreign_domain)
    write("customer", customer=cast.domain.customer)
    write("all")
    limited = api(cast.operator, domains=("a.example.com",))
    assert titles(limited) == ["ours", "all"]
    assert limited.post("/notices/", {"title": "x"}).status_code == 403
    mine = Notice.objects.get(title="ours").pk
    assert limited.patch(f"/notices/{mine}/", {"title": "x"}).status_code == 403
    assert limited.post(f"/notices/{mine}/dismiss/").status_code == 200


def test_the_list_costs_the_same_for_many(cast: Cast, api: As, django_assert_num_queries: Any) -> None:
    bob = api(cast.bob)
    bob.get("/notices/")
    for number in range(30):
        write(f"n{number}", domain=cast.domain)
    with django_assert_num_queries(2):  # token, notices
        assert len(bob.get("/notices/").json()["results"]) == 30


def test_a_domain_that_changes_hands_takes_its_notices_along(cast: Cast, api: As) -> None:
    """The old contract sees nothing of it any more, the new one does."""
    standing.force_password_change([cast.mia], acting_user=SYSTEM)
    assert cast.charlie.customer is not None
    domains.change_domain(cast.domain, customer=cast.charlie.customer, acting_user=SYSTEM)
    assert titles(api(cast.alice)) == []
    assert titles(api(cast.charlie)) == ["mia@a.example.com needs a new password"]
