"""Bulk work in a browser by keyboard alone: a faulty file, a good one, progress, the end, a deletion, a cancellation."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from accounts.models import Mailbox
from accounts.services.appointments import appoint
from mailsettings import jobs
from panel.base.models import Change, Job, JobState
from panel.base.tenancy import SYSTEM, Role
from tests.conftest import PASSWORD, Cast, make_mailbox
from tests.screens.conftest import sign_in
from tests.screens.test_browser import press, serious

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
HEAD = "mail_account,mail_password,mail_capacity,comment\r\n"
BULK = "/domains/a.example.com/bulk/"


def hand_in(page: Page, folder: Path, content: str, kind: str = "Create") -> Job:
    """Chooses kind and file, and asks for the check; the file dialog is the browser's own."""
    file = folder / "staff.csv"
    file.write_bytes(content.encode("cp932"))
    page.goto(BULK)
    page.get_by_role("radio", name="Create").focus()
    for _ in range(["Create", "Edit", "Commands"].index(kind)):
        page.keyboard.press("ArrowDown")
    expect(page.get_by_role("radio", name=kind)).to_be_checked()
    page.get_by_label("CSV file").set_input_files(file)
    press(page, "Check the file")
    page.wait_for_url("**/jobs/**")
    expect(page.get_by_role("progressbar")).to_be_visible()
    return Job.objects.latest("created_at")


def test_a_file_is_mended_checked_watched_and_carried_out(cast: Cast, page: Page, tmp_path: Path) -> None:
    sign_in(page, "bob")
    job = hand_in(page, tmp_path, HEAD + f"mia,{PASSWORD},5,\r\nニーナ,{PASSWORD},x,\r\n")
    jobs.run(job.pk)
    expect(page.get_by_role("heading", name="What is wrong")).to_be_visible()  # without anybody's doing
    rows = page.get_by_role("row").filter(has_text="mail_")
    expect(rows).to_have_count(3)
    expect(rows.first).to_contain_text("mia@a.example.com is taken")
    expect(page.locator("#job-state")).to_have_text("3 faults")
    press(page, "Hand in a mended file")
    page.wait_for_url(f"**{BULK}?kind=create")

    job = hand_in(page, tmp_path, HEAD + "".join(f"nina{n},{PASSWORD},5,営業部\r\n" for n in range(4)))
    jobs.run(job.pk)
    expect(page.get_by_text("will be created", exact=True)).to_be_visible()
    expect(page.locator("#job-said")).to_have_text("checked, 4 will be created")
    press(page, "Carry out…")
    page.wait_for_url("**/carry-out/")
    press(page, "Carry out")
    page.wait_for_url(lambda url: "carry-out" not in url)
    job = Job.objects.latest("created_at")
    Job.objects.filter(pk=job.pk).update(state=JobState.RUNNING, done=1, total=4)
    expect(page.get_by_text("1 of 4")).to_be_visible()
    assert page.get_by_role("progressbar").get_attribute("value") == "1"
    page.reload()
    expect(page.get_by_text("1 of 4")).to_be_visible()
    Job.objects.filter(pk=job.pk).update(state=JobState.QUEUED)  # its worker was killed, and another takes it up
    jobs.run(job.pk)
    expect(page.get_by_text("Everything is written.")).to_be_visible()
    job.refresh_from_db()
    Change.objects.get(pk=job.args["change"]).targets.update(state="live", live_at=job.created_at)
    Job.objects.filter(pk=job.pk).update(leased_until=job.created_at)
    jobs.run(job.pk)
    expect(page.get_by_text("Live on mx1 in")).to_be_visible()
    expect(page.locator("#job-state")).to_have_text("done")
    press(page, "To the mailboxes")
    expect(page.get_by_role("link", name="nina3")).to_be_visible()
    assert Mailbox.objects.get(pk="nina0@a.example.com").comment == "営業部"


def test_what_a_file_deletes_is_named_and_confirmed(cast: Cast, page: Page, tmp_path: Path) -> None:
    make_mailbox(cast.domain, "otto")
    sign_in(page, "bob")
    job = hand_in(page, tmp_path, "command,mail_account\r\ndelete,otto\r\n", kind="Commands")
    jobs.run(job.pk)
    press(page, "Carry out…")
    expect(page.get_by_text("otto@a.example.com")).to_be_visible()
    press(page, "Cancel")
    expect(page.get_by_text("will be deleted", exact=True)).to_be_visible()
    assert Mailbox.objects.filter(pk="otto@a.example.com").exists()
    press(page, "Carry out…")
    press(page, "Carry out and delete 1 mailbox")
    page.wait_for_url(lambda url: "carry-out" not in url)
    jobs.run(Job.objects.latest("created_at").pk)
    expect(page.get_by_text("Everything is written.")).to_be_visible()
    assert not Mailbox.objects.filter(pk="otto@a.example.com").exists()


def test_work_is_cancelled_while_the_page_asks_again_and_again(cast: Cast, page: Page, tmp_path: Path) -> None:
    """The focus stays on the button although what is round it is renewed each second."""
    sign_in(page, "bob")
    hand_in(page, tmp_path, HEAD + f"nina,{PASSWORD},5,\r\n")
    page.get_by_role("button", name="Cancel the work").focus()
    with page.expect_response(lambda answer: "round=" in answer.url):
        pass
    page.wait_for_function("() => document.activeElement.id === 'job-cancel'")
    page.keyboard.press("Enter")
    expect(page.get_by_text("The work was cancelled. Nothing was changed.")).to_be_visible()
    assert Job.objects.get().state == JobState.CANCELLED


def test_axe_finds_nothing_serious_in_bulk_work(cast: Cast, page: Page, tmp_path: Path) -> None:
    sign_in(page, "bob")
    make_mailbox(cast.domain, "otto")
    waiting = hand_in(page, tmp_path, HEAD + f"a1,{PASSWORD},5,\r\n")
    faulty = hand_in(page, tmp_path, HEAD + "mia,,x,\r\n")
    good = hand_in(page, tmp_path, "command,mail_account\r\ndelete,otto\r\n", kind="Commands")
    for job in (faulty, good):
        jobs.run(job.pk)
    paths = [BULK, "/jobs/", *(f"/jobs/{job.pk}/" for job in (waiting, faulty, good)), f"/jobs/{good.pk}/carry-out/"]
    assert serious(page, paths) == []
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 390, "height": 844})
    assert serious(page, paths) == []
    for path in paths:
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), path


def test_one_person_switches_between_roles_by_keyboard(cast: Cast, page: Page) -> None:
    appoint(cast.bob, Role.MAIL_ADMIN, customer=cast.foreign_domain.customer, domains=[cast.foreign_domain], acting_user=SYSTEM)
    sign_in(page, "bob")
    page.locator(".acting summary").focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="domain mail admin b.example.com").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("You act as domain mail admin now: b.example.com.")).to_be_visible()
    expect(page.locator(".switcher b").last).to_have_text("b.example.com")
    page.locator(".acting summary").focus()
    page.keyboard.press("Enter")
    assert serious(page, ["/account/"]) == []
