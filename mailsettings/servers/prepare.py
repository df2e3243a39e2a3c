"""Everything that a layout's mail servers need on disk before they start: folders, configuration, directory, maps."""

from __future__ import annotations

from secrets import token_urlsafe

from mailsettings.servers import directory, dkim, maps, programs, render, scanners, scripts
from mailsettings.servers.files import write_atomically
from mailsettings.servers.layout import Layout
from mailsettings.servers.lock import host_lock
from mailsettings.servers.maps import postmap_program
from mailsettings.servers.owners import is_root, make_folder

SRS_SECRET_BYTES = 24


def prepare_host(layout: Layout) -> dict[str, bool]:
    """Make what is missing and write what differs; gives which server's configuration changed. Harmless when repeated.

    Raises BadConfiguration (the old configuration stays), OSError, LookupError for a user that the machine lacks.
    """
    make_folders(layout)
    make_srs_secret(layout)
    with host_lock(layout) as lock_fd:
        changed = render.render(layout) | scanners.render(layout)
        directory.create(layout)
        maps.create(layout, lock_fd)
        scripts.create(layout)
        dkim.create(layout)
        programs.install(layout)
    if not layout.private:
        _keep_addresses_from_others(layout)
    return changed


def _keep_addresses_from_others(layout: Layout) -> None:
    """Maps and logs hold everybody's address; private instances leave them open to who looks for a fault."""
    make_folder(layout.maps_dir, mode=0o750, group=layout.users.postfix)
    make_folder(layout.log_dir, mode=0o750)


def make_srs_secret(layout: Layout) -> None:
    """Made once: bounces of mail that is under way know only the secret that it left with."""
    make_folder(layout.srs_secret_path.parent)
    if not layout.srs_secret_path.exists():
        write_atomically(layout.srs_secret_path, f"{token_urlsafe(SRS_SECRET_BYTES)}\n", mode=0o600)


def make_folders(layout: Layout) -> None:
    """With the owners and modes that Postfix and Dovecot insist on."""
    users = layout.users
    for folder in (layout.state, layout.log_dir, layout.postfix_log.parent, layout.state / "dovecot"):
        make_folder(folder)
    for folder in (layout.truesize_socket.parent, layout.bounces_socket.parent, layout.queue_dir.parent, layout.run_dir):
        make_folder(folder)
    if is_root() and postmap_program():
        make_folder(layout.queue_dir)
        make_folder(layout.postfix_data, mode=0o700, user=users.postfix)
    if is_root():
        make_folder(layout.homes, mode=0o700, user=users.mail_uid, group=users.mail_gid)
    scanners.make_folders(layout)
