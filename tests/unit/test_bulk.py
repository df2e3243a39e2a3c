"""Many mailboxes at once: all or nothing, one change."""

import pytest
from django.core.exceptions import ValidationError

from accounts.models import AddressName, Domain, Mailbox
from accounts.services import contracts
from accounts.services.bulk import load_mailboxes
from panel.base.errors import Clash, LimitReached
from panel.base.models import Change
from panel.base.tenancy import SYSTEM
from tests.conftest import Cast

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_load_is_one_change_and_counts(cast: Cast) -> None:
    made, change = load_mailboxes(cast.domain, [(f"b{n}", "{ARGON2ID}x") for n in range(50)], acting_user=SYSTEM)
    assert made == 50
    assert list(change.targets.values_list("kind", "key")) == [("domain-all", "a.example.com")]
    assert Domain.objects.get(pk=cast.domain.pk).accounts_count == 51
    assert Mailbox.objects.get(pk="b49@a.example.com").search == "b49@a.example.com\nb49@a.example.com\n"


@pytest.mark.parametrize(("name", "error"), [("mia", Clash), ("-bad", ValidationError), ("new", LimitReached)])
def test_one_bad_row_means_nothing_is_loaded(cast: Cast, name: str, error: type[Exception]) -> None:
    if error is LimitReached:
        contracts.change_customer(cast.domain.customer, limits={"accounts": 2}, acting_user=SYSTEM)
    before = (AddressName.objects.count(), Change.objects.count())
    with pytest.raises(error):
        load_mailboxes(cast.domain, [("fine", "{ARGON2ID}x"), (name, "{ARGON2ID}x")], acting_user=SYSTEM)
    assert before == (AddressName.objects.count(), Change.objects.count())
    assert Domain.objects.get(pk=cast.domain.pk).accounts_count == 1
