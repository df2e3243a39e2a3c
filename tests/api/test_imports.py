"""`/imports/`: many accounts by a file, all or nothing, each bad cell named (A13, A14, A16)."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from accounts import passwords
from accounts.models import Admin, Domain, Mailbox, RemovedHome, Token
from accounts.services import contracts, expansions, tokens
from accounts.services.bulk import load_mailboxes
from mailsettings import imports, jobs
from panel.base.models import AuditEntry, Change, Job, JobState, Upload
from panel.base.tenancy import SYSTEM
from tests.api.conftest import under
from tests.conftest import Cast, make_mailbox

pytestmark = pytest.mark.django_db(transaction=True)

PASSWORD = "Kumo#Asahi71bd"
MADE = "{ARGON2ID}$argon2id$v=19$m=64,t=1,p=1$bwVPjlaA904$kO2b4SF02DtPky+eUCM12Q"  # of Tegami#Mail2026x
CREATE = "mail_account,mail_password,mail_capacity,comment\r\n"
EDIT = "mail_account,password,mail_capacity\r\n"


class Importer:
    """Hands files in as somebody, and does the jobs as a worker without mail servers does."""

    def __init__(self, owner: Admin, **limits: Any) -> None:
        _token, key = tokens.create_token(owner, "imports", scopes=["*"], **limits)
        self.client = Client(raise_request_exception=False, headers={"Authorization": f"Bearer {key}"})

    def hand_in(self, kind: str, content: str | bytes, domain: str = "a.example.com", query: str = "", **headers: str) -> Any:
        file = SimpleUploadedFile("accounts.csv", content.encode() if isinstance(content, str) else content)
        body = {"domain": domain, "kind": kind, "file": file}
        return self.client.post(f"/api/v1/imports/{query}", body, headers=headers)

    def job(self, kind: str, content: str | bytes, **more: Any) -> Job:
        """The job after a worker has had it."""
        answer = self.hand_in(kind, content, **more)
        assert answer.status_code == 202, answer.content
        return done(answer.json()["id"])

    def carry_out(self, preview: Job) -> Any:
        return self.client.post(f"/api/v1/imports/{preview.pk}/carry-out/", content_type="application/json")

    def shown(self, job: Job) -> Any:
        return self.client.get(f"/api/v1/jobs/{job.pk}/").json()


def done(job_id: Any) -> Job:
    """The worker comes by; nothing has to reach a server that is not there."""
    jobs.run(job_id)
    job = Job.objects.get(pk=job_id)
    if change := job.args.get("change"):
        Change.objects.get(pk=change).targets.update(state="live", live_at=job.created_at)
        Job.objects.filter(pk=job_id).update(leased_until=job.created_at)
        jobs.run(job_id)
    job.refresh_from_db()
    return job


def places(job: Job) -> list[tuple[int, int, str, str]]:
    return [(error["line"], error["column"], error["field"], error["code"]) for error in job.errors]


As = Callable[..., Importer]


@pytest.fixture
def bob(cast: Cast) -> Importer:
    return Importer(cast.bob)


@pytest.fixture
def operator(cast: Cast) -> Importer:
    return Importer(cast.operator)


@contextmanager
def nothing_changes() -> Iterator[None]:
    """Afterwards everything is as it was."""
    before = _state()
    yield
    assert _state() == before


def _state() -> Any:
    boxes = Mailbox.objects.order_by("pk").values_list("pk", "password_hash", "quota_mb", "comment", "mobile_address", "version")
    counters = Domain.objects.order_by("pk").values_list("accounts_count", "promised_mb", "spam_seats_count")
    return (
        list(boxes),
        list(counters),
        Change.objects.count(),
        AuditEntry.objects.exclude(action__in=["import.start", "import.done", "token.create"]).count(),
    )


# --- create (A13)


def test_a_file_becomes_accounts(cast: Cast, bob: Importer) -> None:
    """A13: password, capacity (blank: the plan's) and comment; counters, one Change, one audit entry each, by csv."""
    job = bob.job("create", CREATE + f"taro,{PASSWORD},2048,営業\r\nHanako@a.example.com,{PASSWORD},,\r\n")
    assert (job.state, job.done, job.total) == (JobState.DONE, 2, 2)
    assert job.result == {"rows": 2, "create": 2, "change": 0, "delete": 0, "passed_over": 0, "unchanged": 0, "errors": 0}
    taro, hanako = (Mailbox.objects.get(pk=f"{name}@a.example.com") for name in ("taro", "hanako"))
    assert (taro.quota_mb, taro.comment, hanako.quota_mb, hanako.comment) == (2048, "営業", cast.domain.rules.storage_default_mb, "")
    assert all(passwords.verify(PASSWORD, box.password_hash) for box in (taro, hanako))
    assert "営業" in taro.search
    counted = Domain.objects.get(pk=cast.domain.pk)
    assert counted.accounts_count == 3
    assert counted.promised_mb == sum(box.quota_mb for box in (taro, hanako, cast.mia))
    entries = AuditEntry.objects.filter(action="mailbox.create", via="csv")
    assert {(entry.subject, entry.actor, entry.remote) for entry in entries} == {
        (f"{name}@a.example.com", "admin:bob", "127.0.0.1") for name in ("taro", "hanako")
    }
    assert set(Change.objects.get(pk=job.args["change"]).targets.values_list("kind", "key")) == {
        ("address", "taro@a.example.com"),
        ("address", "hanako@a.example.com"),
    }


def test_no_password_is_kept_anywhere_but_as_a_hash(bob: Importer, caplog: pytest.LogCaptureFixture) -> None:
    """Neither the job nor the trail, log or file name it; the upload is sealed, and gone at the end."""
    answer = bob.hand_in("create", CREATE + f"taro,{PASSWORD},,\r\n")
    upload = Upload.objects.get()
    assert PASSWORD.encode() not in bytes(upload.content)
    job = done(answer.json()["id"])
    assert not Upload.objects.exists()
    kept = [*Job.objects.values_list("args", "result", "errors"), *AuditEntry.objects.values_list("before", "after", "subject")]
    assert PASSWORD not in f"{kept} {caplog.text} {bob.shown(job)}"


def test_every_bad_row_is_named_and_nothing_is_registered(cast: Cast, bob: Importer) -> None:
    """A13: an existing account, a taken name, broken rules, a doubled account: each at its line and column."""
    expansions.create_alias(cast.domain, "sales", ["x@example.net"], acting_user=SYSTEM)
    rows = [
        f"good,{PASSWORD},,",
        f"mia,{PASSWORD},,",
        f"sales,{PASSWORD},,",
        f"postmaster,{PASSWORD},,",
        f"-x,{PASSWORD},,",
        f"ok1,short,1.5,{'x' * 201}",
        f"GOOD,{PASSWORD},0,",
        f"x@b.example.com,{PASSWORD},,",
        ",,,",
        "ok2,,99999999,\x07",
        f",{PASSWORD},,",
        f"ok3,{PASSWORD},,,extra",
    ]
    with nothing_changes():
        job = bob.job("create", CREATE + "\r\n".join(rows))
    assert job.state == JobState.FAILED
    account, password, capacity, comment = (1, "mail_account"), (2, "mail_password"), (3, "mail_capacity"), (4, "comment")
    assert places(job) == [
        (3, *account, "clash"),
        (4, *account, "clash"),
        (5, *account, "clash"),
        (6, *account, "leading_hyphen"),
        (7, *password, "length"),
        (7, *capacity, "invalid"),
        (7, *comment, "max_length"),
        (8, *account, "twice"),
        (8, *capacity, "min_value"),
        (9, *account, "domain"),
        (11, *password, "required"),
        (11, *capacity, "max_value"),
        (11, *comment, "control"),
        (12, *account, "required"),
        (13, 5, "", "too_many_cells"),
    ]
    assert job.result is not None
    assert job.result["errors"] == 15
    messages = {(error["line"], error["field"]): error["message"] for error in job.errors}
    assert messages[4, "mail_account"] == "sales@a.example.com is taken: there is a alias of this name."
    assert "line 2" in messages[8, "mail_account"]


@pytest.mark.parametrize(
    ("kind", "header", "places_"),
    [
        ("create", "mail_account,mail_password,comment", [(1, 4, "mail_capacity", "missing_column")]),
        ("create", "mail_account,mail_capacity,comment", [(1, 4, "mail_password", "missing_column")]),
        ("create", "mail_account,MAIL_PASSWORD, mail_capacity ,comment,Comment", [(1, 5, "comment", "doubled_column")]),
        ("create", "mail_account,mail_password,mail_capacity,comment,colour", [(1, 5, "", "unknown_column")]),
        ("create", "taro,Kumo#Asahi71bd,,", [(1, 1, "", "no_header")]),
        ("create", "mail_account,password_hash,mail_capacity,comment", [(1, 2, "password_hash", "forbidden")]),
        ("edit", "mail_account,mail_password,mail_capacity", [(1, 2, "", "unknown_column"), (1, 4, "password", "missing_column")]),
        ("commands", "mail_account,mail_password", [(1, 3, "command", "missing_column")]),
    ],
)
def test_a_wrong_header_is_refused(bob: Importer, kind: str, header: str, places_: list[Any]) -> None:
    job = bob.job(kind, header + "\r\n")
    assert job.state == JobState.FAILED
    assert places(job) == places_
    assert PASSWORD not in str(job.errors)


def test_limits_are_counted_over_the_whole_file(cast: Cast, bob: Importer) -> None:
    """A17: at the first row without room, with both figures."""
    storage = cast.mia.quota_mb + 1024 * 10
    contracts.change_customer(cast.domain.customer, limits={"accounts": 3, "storage_mb": storage}, acting_user=SYSTEM)
    rows = "".join(f"box{n},{PASSWORD},{1024 * 3},\r\n" for n in range(4))
    job = bob.job("create", CREATE + rows)
    assert places(job) == [(4, 1, "mail_account", "limit_reached"), (5, 3, "mail_capacity", "limit_reached")]
    by_field = {error["field"]: error for error in job.errors}
    assert (by_field["mail_account"]["line"], by_field["mail_account"]["used"], by_field["mail_account"]["limit"]) == (4, 1, 3)
    assert by_field["mail_capacity"]["limit"] == storage
    assert Domain.objects.get(pk=cast.domain.pk).accounts_count == 1


def test_names_are_unique_on_the_server_where_the_plan_says_so(cast: Cast, operator: Importer) -> None:
    """plusmail: a name of another domain of the host is taken."""
    for domain in (cast.domain, cast.foreign_domain):
        under(domain, "plusmail")
    operator.job("create", CREATE + f"taro,{PASSWORD},,\r\n", domain="b.example.com")
    job = operator.job("create", CREATE + f"taro,{PASSWORD},,\r\njiro,{PASSWORD},,\r\n")
    assert [(error["line"], error["message"]) for error in job.errors] == [(2, "User exists. Choose another username.")]
    assert operator.job("create", CREATE + f"jiro,{PASSWORD},,\r\n").state == JobState.DONE
    assert Mailbox.objects.get(pk="jiro@a.example.com").bare_login.login == "jiro"


def test_a_refused_password_is_not_told_back(cast: Cast, bob: Importer) -> None:
    """Of the characters that are not allowed a few are named, in no order of the password's."""
    under(cast.domain, "standard")
    job = bob.job("create", CREATE + "taro,Zyx;Abcde1234=é#,,\r\njiro,秘密の合言葉Abc#12,,\r\n")
    said = [error["message"] for error in job.errors if error["code"] == "characters"]
    assert said == ["Not allowed in a password: ; = é", "The password holds 6 characters that are not allowed."]


# --- edit (A14)


def test_edit_changes_what_is_not_blank_and_passes_over_strangers(cast: Cast, bob: Importer) -> None:
    """A14: blank = unchanged; unknown accounts are passed over and counted, an alias is none."""
    ken, jun = make_mailbox(cast.domain, "ken"), make_mailbox(cast.domain, "jun")
    expansions.create_alias(cast.domain, "sales", ["x@example.net"], acting_user=SYSTEM)
    Token.objects.create(name="session", mailbox=ken, is_session=True, digest="x")
    old = {box.pk: box.password_hash for box in (ken, jun, cast.mia)}
    rows = f"ken,{PASSWORD},\r\njun,,555\r\nmia,,\r\nnobody,{PASSWORD},\r\nsales,,5\r\n"
    job = bob.job("edit", EDIT + rows)
    assert job.result == {"rows": 5, "create": 0, "change": 2, "delete": 0, "passed_over": 2, "unchanged": 1, "errors": 0}
    now = {box.pk: box for box in Mailbox.objects.filter(domain=cast.domain)}
    assert passwords.verify(PASSWORD, now[ken.pk].password_hash)
    assert now[ken.pk].quota_mb == ken.quota_mb
    assert (now[jun.pk].quota_mb, now[jun.pk].password_hash) == (555, old[jun.pk])
    assert (now[cast.mia.pk].version, now[cast.mia.pk].password_hash) == (1, old[cast.mia.pk])
    assert (now[ken.pk].version, now[jun.pk].version) == (2, 2)
    assert not ken.tokens.exists()
    assert list(ken.former_passwords.values_list("password_hash", flat=True)) == [old[ken.pk]]
    assert set(AuditEntry.objects.filter(via="csv").values_list("action", "subject")) == {
        ("mailbox.password", ken.pk),
        ("mailbox.change", jun.pk),
        ("import.done", "a.example.com"),
    }


def test_one_bad_row_means_that_nothing_is_edited(bob: Importer) -> None:
    """A14, and also where the bad row's account is unknown."""
    with nothing_changes():
        job = bob.job("edit", EDIT + f"mia,{PASSWORD},\r\nnobody,short,x\r\n")
    assert places(job) == [(3, 2, "password", "length"), (3, 3, "mail_capacity", "invalid")]


# --- commands (A16)


def test_commands_add_modify_and_delete(cast: Cast, bob: Importer) -> None:
    """A16: columns that are left out keep their value; the mobile address is only ever what is written."""
    boxes = {name: make_mailbox(cast.domain, name) for name in ("ken", "jun", "old")}
    Mailbox.objects.filter(pk=boxes["ken"].pk).update(comment="kept", mobile_address="")
    header = "Command,mail_account,MAIL_PASSWORD,mail_capacity\r\n"
    job = bob.job("commands", header + f"add,new,{PASSWORD},\r\nmodify,ken,,77\r\nMODIFY,jun,{PASSWORD},\r\ndelete,old,,\r\n")
    assert job.result == {"rows": 4, "create": 1, "change": 2, "delete": 1, "passed_over": 0, "unchanged": 0, "errors": 0}
    ken = Mailbox.objects.get(pk=boxes["ken"].pk)
    assert (ken.quota_mb, ken.comment, ken.mobile_address) == (77, "kept", "")
    assert Mailbox.objects.get(pk="new@a.example.com").mobile_address == ""
    assert passwords.verify(PASSWORD, Mailbox.objects.get(pk=boxes["jun"].pk).password_hash)
    assert not Mailbox.objects.filter(pk=boxes["old"].pk).exists()
    assert RemovedHome.objects.get().uuid == boxes["old"].uuid
    assert Job.objects.filter(kind="remove_homes", total=1).exists()
    counted = Domain.objects.get(pk=cast.domain.pk)
    assert counted.accounts_count == 4
    assert counted.promised_mb == sum(box.quota_mb for box in Mailbox.objects.filter(domain=cast.domain))


def test_a_written_comment_is_set_a_blank_one_clears_and_a_row_that_ends_early_keeps(cast: Cast, bob: Importer) -> None:
    for name in ("one", "two", "three"):
        make_mailbox(cast.domain, name)
    Mailbox.objects.filter(domain=cast.domain).update(comment="old", mobile_address="m@example.net")
    header = "command,mail_account,mail_password,mail_capacity,comment,mobile_address\r\n"
    rows = "modify,one,,,'=new,090@mobile.example\r\nmodify,two,,,,\r\nmodify,three\r\n"
    job = bob.job("commands", header + rows)
    assert job.result is not None
    assert (job.result["change"], job.result["unchanged"]) == (2, 1)
    found = {box.local_part: (box.comment, box.mobile_address) for box in Mailbox.objects.filter(domain=cast.domain)}
    assert found["one"] == ("=new", "090@mobile.example")
    assert found["two"] == ("", "")
    assert found["three"] == ("old", "m@example.net")


def test_a_comment_is_one_line(cast: Cast, bob: Importer) -> None:
    bob.job("create", CREATE + f'taro,{PASSWORD},,"営業\r\n第一\n"\r\n')
    assert Mailbox.objects.get(pk="taro@a.example.com").comment == "営業 第一"


def test_bad_commands_are_named(cast: Cast, bob: Importer) -> None:
    """Also a doubled account across commands, and what the domain itself needs."""
    Mailbox.objects.filter(pk=cast.mia.pk).update(is_system=True)
    header = "command,mail_account,mail_password\r\n"
    rows = "remove,a,\r\nadd,b,\r\nmodify,c,\r\ndelete,d,\r\ndelete,mia,\r\nmodify,postmaster,\r\n,e,\r\nmodify,mia,x\r\n"
    with nothing_changes():
        job = bob.job("commands", header + rows)
    assert places(job) == [
        (2, 1, "command", "invalid_choice"),
        (3, 3, "mail_password", "required"),
        (4, 2, "mail_account", "unknown"),
        (5, 2, "mail_account", "unknown"),
        (6, 2, "mail_account", "system"),
        (7, 2, "mail_account", "unknown"),
        (8, 1, "command", "invalid_choice"),
        (9, 2, "mail_account", "twice"),
        (9, 3, "mail_password", "length"),
    ]


def test_what_a_file_frees_is_free_for_its_rows(cast: Cast, bob: Importer) -> None:
    """A17 over the whole file: one goes, one comes, at a full contract."""
    contracts.change_customer(cast.domain.customer, limits={"accounts": 1}, acting_user=SYSTEM)
    job = bob.job("commands", f"command,mail_account,mail_password\r\nadd,new,{PASSWORD}\r\ndelete,mia,\r\n")
    assert job.state == JobState.DONE
    assert Domain.objects.get(pk=cast.domain.pk).accounts_count == 1


# --- ready hashes


def test_the_operator_may_hand_in_ready_hashes(operator: Importer) -> None:
    """Bare or in Dovecot's form; each signs in on the panel."""
    made = MADE
    header = "mail_account,password_hash,mail_capacity,comment,mail_password\r\n"
    job = operator.job("create", header + f'taro,"{made}",,,\r\njiro,"{made.partition("}")[2]}",,,\r\nken,,,,{PASSWORD}\r\n')
    assert job.state == JobState.DONE, job.errors
    taro, jiro = (Mailbox.objects.get(pk=f"{name}@a.example.com") for name in ("taro", "jiro"))
    assert taro.password_hash == jiro.password_hash == made
    assert passwords.verify("Tegami#Mail2026x", taro.password_hash)


def test_a_bad_hash_is_named_and_never_repeated(operator: Importer) -> None:
    header = "mail_account,password_hash,mail_capacity,comment,mail_password\r\n"
    job = operator.job("create", header + f"a,$1$abc$def,,,\r\nb,$2y$31${'x' * 53},,,\r\nc,$6$$x,,,\r\nd,$6$a$b,,,{PASSWORD}\r\n")
    assert [(error["line"], error["code"]) for error in job.errors] == [
        (2, "scheme"),
        (3, "cost"),
        (4, "format"),
        (5, "both"),
        (5, "format"),
    ]
    assert "$1$" not in str(job.errors)


@pytest.mark.parametrize(("there", "kind"), [(0, "domain-all"), (700, "address")])
def test_a_file_larger_than_the_rest_of_the_domain_is_one_target(cast: Cast, operator: Importer, there: int, kind: str) -> None:
    """The domain is looked through whole only where that costs less than the addresses one by one."""
    load_mailboxes(cast.domain, [(f"old{n}", MADE) for n in range(there)], acting_user=SYSTEM)
    rows = "".join(f'box{n},"{MADE}",,\r\n' for n in range(600))
    answer = operator.hand_in("create", "mail_account,password_hash,mail_capacity,comment\r\n" + rows)
    jobs.run(answer.json()["id"])
    change = Change.objects.get(pk=Job.objects.get(pk=answer.json()["id"]).args["change"])
    assert change.targets.count() == (1 if kind == "domain-all" else 600)
    assert set(change.targets.values_list("kind", flat=True)) == {kind}


# --- preview


def test_a_preview_changes_nothing_and_can_be_carried_out_once(cast: Cast, bob: Importer) -> None:
    answer = bob.hand_in("create", CREATE + f"taro,{PASSWORD},,\r\n", query="?preview=true")
    job = done(answer.json()["id"])
    assert job.state == JobState.DONE
    assert job.result is not None
    assert job.result["create"] == 1
    assert not Mailbox.objects.filter(pk="taro@a.example.com").exists()
    made = bob.carry_out(job)
    assert made.status_code == 202
    assert made["Location"].endswith(f"/api/v1/jobs/{made.json()['id']}/")
    assert bob.carry_out(job).json()["code"] == "carried_out"
    assert done(made.json()["id"]).state == JobState.DONE
    assert Mailbox.objects.filter(pk="taro@a.example.com").exists()
    assert not Upload.objects.exists()


def test_a_preview_with_errors_fails_and_forgets_the_file(bob: Importer) -> None:
    job = bob.job("create", CREATE + "taro,short,,\r\n", query="?preview=true")
    assert job.state == JobState.FAILED
    assert not Upload.objects.exists()
    assert bob.carry_out(job).json()["code"] == "state"


def test_what_was_carried_out_is_checked_again(cast: Cast, bob: Importer) -> None:
    job = bob.job("create", CREATE + f"taro,{PASSWORD},,\r\n", query="?preview=true")
    make_mailbox(cast.domain, "taro")
    made = bob.carry_out(job)
    assert places(done(made.json()["id"])) == [(2, 1, "mail_account", "clash")]


def test_a_preview_that_nobody_carries_out_is_forgotten_after_an_hour(bob: Importer) -> None:
    job = bob.job("create", CREATE + f"taro,{PASSWORD},,\r\n", query="?preview=true")
    waiting = bob.hand_in("create", CREATE + f"jiro,{PASSWORD},,\r\n").json()["id"]
    imports.forget_uploads()
    assert Upload.objects.count() == 2
    Upload.objects.update(created_at=job.created_at.replace(year=2020))
    imports.forget_uploads()
    assert str(Upload.objects.get().pk) == Job.objects.get(pk=waiting).args["upload"]
    assert bob.carry_out(job).json()["code"] == "erased"


# --- the API


def test_what_the_answer_says(bob: Importer) -> None:
    answer = bob.hand_in("create", CREATE)
    assert answer.status_code == 202
    assert answer["Location"].endswith(f"/api/v1/jobs/{answer.json()['id']}/")
    assert {key: answer.json()[key] for key in ("kind", "state", "done", "total", "result", "errors")} == {
        "kind": "import",
        "state": "queued",
        "done": 0,
        "total": 0,
        "result": None,
        "errors": [],
    }


@pytest.mark.parametrize(("kind", "content", "field"), [("other", CREATE, "kind"), ("create", b"", "file")])
def test_bad_input_is_400(bob: Importer, kind: str, content: bytes, field: str) -> None:
    answer = bob.hand_in(kind, content)
    assert answer.status_code == 400
    assert [row["field"] for row in answer.json()["errors"]] == [field]
    assert not Job.objects.exists()


def test_a_file_has_at_most_20_mb(bob: Importer) -> None:
    assert bob.hand_in("create", b"x" * (20 * 1_048_576 + 1)).status_code in (400, 413)
    assert bob.hand_in("create", b"x" * (22 * 1_048_576)).status_code == 413
    assert not Job.objects.exists()


def test_a_preview_is_asked_for_by_true(bob: Importer) -> None:
    assert bob.hand_in("create", CREATE, query="?preview=yes").status_code == 400


def test_the_same_file_under_one_key_is_one_job(bob: Importer) -> None:
    """Idempotency: a form's text differs each time it is sent, what it holds counts."""
    first = bob.hand_in("create", CREATE + f"taro,{PASSWORD},,\r\n", **{"Idempotency-Key": "k1"})
    again = bob.hand_in("create", CREATE + f"taro,{PASSWORD},,\r\n", **{"Idempotency-Key": "k1"})
    other = bob.hand_in("create", CREATE + f"jiro,{PASSWORD},,\r\n", **{"Idempotency-Key": "k1"})
    assert first.json()["id"] == again.json()["id"]
    assert other.status_code == 409
    assert Job.objects.count() == 1


def test_samples_have_the_manuals_names_and_do_nothing(cast: Cast, bob: Importer) -> None:
    names = {"create": "mail-accounts-sample.csv", "edit": "mail-password-sample.csv", "commands": "mail-commands-sample.csv"}
    for kind, name in names.items():
        sample = bob.client.get(f"/api/v1/imports/samples/{kind}.csv")
        assert sample["Content-Disposition"] == f'attachment; filename="{name}"'
        assert sample["Content-Type"].startswith("text/csv")
        bob.job(kind, sample.content)
    assert bob.client.get("/api/v1/imports/samples/members.csv").status_code == 404
    assert Mailbox.objects.filter(domain=cast.domain).count() == 1


def test_ones_own_domains_only(cast: Cast) -> None:
    """404 for another's domain, for roles without a part, for a token that is limited to other domains."""
    rows = CREATE + f"taro,{PASSWORD},,\r\n"
    assert Importer(cast.charlie).hand_in("create", rows).status_code == 404
    assert Importer(cast.bob).hand_in("create", rows, domain="b.example.com").status_code == 404
    assert Importer(cast.bob).hand_in("create", rows, domain="nowhere.example").status_code == 404
    assert Importer(cast.wendy).hand_in("create", rows).status_code == 404
    assert Importer(cast.operator, domains=["b.example.com"]).hand_in("create", rows).status_code == 404
    preview = Importer(cast.bob).job("create", rows, query="?preview=true")
    for who in (cast.alice, cast.charlie):
        assert Importer(who).carry_out(preview).status_code == 404
    assert Importer(cast.operator, domains=["b.example.com"]).carry_out(preview).status_code == 404


# --- between the request and the worker


def test_whoever_may_no_more_changes_nothing(cast: Cast, bob: Importer) -> None:
    """A role that was taken away meanwhile: the worker asks again."""
    answer = bob.hand_in("create", CREATE + f"taro,{PASSWORD},,\r\n")
    cast.bob.domains.clear()
    job = done(answer.json()["id"])
    assert (job.state, job.errors[0]["code"]) == (JobState.FAILED, "domain")
    assert not Upload.objects.exists()


def test_a_waiting_job_can_be_cancelled(bob: Importer) -> None:
    answer = bob.hand_in("create", CREATE + f"taro,{PASSWORD},,\r\n")
    path = f"/api/v1/jobs/{answer.json()['id']}/"
    assert bob.client.delete(path).status_code == 204
    assert not Upload.objects.exists()
    assert done(answer.json()["id"]).state == JobState.CANCELLED
    assert bob.client.delete(path).status_code == 409
    assert not Mailbox.objects.filter(pk="taro@a.example.com").exists()
