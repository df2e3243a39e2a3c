"""A production host below a temporary folder: its files, its safe defaults, its servers as the units start them."""

from __future__ import annotations

import asyncio
import imaplib
import os
import poplib
import re
import secrets
import shutil
import smtplib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from mailsettings.servers import production, scanners
from mailsettings.servers.desired import tag
from mailsettings.servers.files import write_atomically
from mailsettings.servers.layout import Layout, Port, Tls
from mailsettings.servers.postfix import master_pid
from mailsettings.servers.private import PREFERRED, free_ports
from mailsettings.servers.production import PORTS, prepare, production_layout, read_environment
from mailsettings.servers.render import dovecot_files, postfix_files
from mailsettings.servers.srs import rewritten
from mailsettings.servers.stack.components import DOVECOT
from mailsettings.servers.stack.process import until
from mailsettings.servers.tls import ensure_certificate
from panel.environment import BadSetting
from tests.mail import PASSWORD, bounce, note, refused
from tests.servers.host import Host

CHECKOUT = Path(__file__).resolve().parents[2]
UNITS = CHECKOUT / "deploy" / "systemd"
STANDARD = {"hostname": "mail.example.com", "host": "mx1", "certificate": Path("/etc/ssl/c.pem"), "key": Path("/etc/ssl/k.pem")}
URLS = {"DATABASE_URL": "postgresql://tegami:a%27b@db.example.com/tegami", "BROKER_URL": "redis://:x@db.example.com/0"}
# Where no instance of ours looks first, and below ip_local_port_range.
FIRST_PORT = 31_000
# What stands in the units and lies below the prefix.
ROOTS = re.compile(r"(?<![\w.-])/(etc/tegami|run/tegami|var/lib/tegami|var/log/tegami|var/mail/tegami)(?=[/ ]|$)")


@pytest.fixture(scope="module")
def host_folder() -> Iterator[Path]:
    """Reachable for the servers' users, which pytest's folders are not; with a certificate."""
    with tempfile.TemporaryDirectory(prefix="tegami-") as folder:
        prefix = Path(folder)
        prefix.chmod(0o755)
        ensure_certificate(Tls(prefix / "c.pem", prefix / "k.pem", prefix / "ca.pem"), "mail.example.com")
        yield prefix


def on_free_ports(prefix: Path, ports: Mapping[str, Port] | None = None) -> Layout:
    """IMAP and POP on 127.0.0.2: Dovecot takes 127.0.0.1 to 127.0.0.1 for secured."""
    wanted = {name: (PREFERRED[name][0], FIRST_PORT + n) for n, name in enumerate(PORTS)}
    ports = ports or free_ports(wanted.items())
    # No name server and no signatures here: what rspamd and ClamAV say is seen in test_milter.
    away = {"virus_down": "pass"}
    return production_layout("mail.example.com", "mx1", prefix / "c.pem", prefix / "k.pem", prefix=prefix, ports=ports, filters=away)


@pytest.fixture(scope="module")
def prepared(instance: Layout, host_folder: Path) -> Layout:
    """Written, nothing started. (`instance` says whether there are mail servers here.)"""
    layout = on_free_ports(host_folder)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in URLS.items():
            patch.setenv(name, value)
        prepare(layout)
    return layout


def said(*command: str) -> str:
    """What it printed; fails when it ended badly."""
    return subprocess.run(command, capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL).stdout


def unit(name: str) -> dict[str, list[str]]:
    """A service's settings, each with all its values."""
    found: dict[str, list[str]] = {}
    for line in (UNITS / f"tegami-{name}.service").read_text().splitlines():
        if "=" in line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


def started_by(name: str, prefix: Path, key: str = "ExecStart") -> list[str]:
    """The unit's command with its bounding set, on the paths below the prefix."""
    settings = unit(name)
    command = ROOTS.sub(lambda match: f"{prefix}/{match[1]}", settings[key][0]).replace("/opt/tegami/.venv/bin/python", sys.executable)
    command = command.replace("${CREDENTIALS_DIRECTORY}", f"{prefix}/etc/tegami")
    capabilities = "".join(f",+{one.lower().removeprefix('cap_')}" for one in settings["CapabilityBoundingSet"][0].split())
    return ["/usr/bin/setpriv", f"--bounding-set=-all{capabilities}", "--no-new-privs", *command.split()]


@pytest.fixture(scope="module")
def running(prepared: Layout, host_folder: Path) -> Iterator[Layout]:
    """The mail servers, as their units start them."""
    log = host_folder / "started.log"
    with log.open("ab") as output, ExitStack() as ends:
        for name in ("truesize", "postsrsd", "milter", "bounces", "dovecot", "postfix"):
            command = started_by(name, host_folder)
            if name in (
                "truesize",
                "milter",
                "bounces",
            ):  # as its user, which systemd-sysusers makes: here root with no right but the group's
                command[1:2] = ["--regid=postfix", "--clear-groups", "--bounding-set=-all,+dac_read_search"]
            child = subprocess.Popen(command, cwd=CHECKOUT, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True)
            ends.callback(child.wait, 20)
            ends.callback(child.terminate)
        ends.callback(subprocess.run, started_by("postfix", host_folder, "ExecStop"), capture_output=True, check=True)
        sockets = [prepared.run_dir / "lmtp-postfix", prepared.truesize_socket, prepared.milter_dir / "submission", prepared.bounces_socket]
        up = until(lambda: master_pid(prepared) is not None and all(path.exists() for path in sockets), 20)
        assert up, log.read_text() + prepared.postfix_log.read_text()
        yield prepared


@pytest.fixture
def host(running: Layout) -> Host:
    return Host(running, f"{secrets.token_hex(4)}.example.com")


# --- the layout
def test_the_standard_layout_has_the_standard_places_and_ports() -> None:
    layout = production_layout(**STANDARD)  # type: ignore[arg-type]
    assert (layout.config, layout.state, layout.homes) == (Path("/etc/tegami"), Path("/var/lib/tegami"), Path("/var/mail/tegami"))
    assert {port for host, port in layout.ports.values() if not host} == {25, 587, 465, 143, 993, 110, 995, 4190}
    assert "lmtp" not in layout.ports
    assert {host for host, port in (layout.ports["doveadm"], layout.ports["panel"])} == {"127.0.0.1"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("hostname", "mail"),
        ("hostname", "Mail.example.com"),
        ("hostname", "a\nb.c"),
        ("host", "mx 1"),
        ("key", Path("/k y")),
        ("key", Path("k")),
    ],
)
def test_what_cannot_stand_in_the_servers_files_is_refused(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=r"needed|name"):
        production_layout(**{**STANDARD, name: value})  # type: ignore[arg-type]


def test_the_units_name_the_layouts_paths() -> None:
    layout = production_layout(**STANDARD)  # type: ignore[arg-type]
    assert unit("postfix")["ExecStart"] == [f"/usr/sbin/postfix -c {layout.postfix_dir} start-fg"]
    assert unit("dovecot")["ExecStart"] == [f"{DOVECOT} -F -c {layout.dovecot_conf}"]
    assert unit("dovecot")["RuntimeDirectory"] == [str(layout.run_dir.relative_to("/run"))]
    assert unit("truesize")["StateDirectory"] == [str(layout.truesize_socket.parent.relative_to("/var/lib"))]
    assert unit("milter")["StateDirectory"] == [str(layout.milter_dir.relative_to("/var/lib"))]
    assert unit("milter")["ExecStart"][0].endswith(f" {layout.open_layout_path}")
    assert unit("bounces")["StateDirectory"] == [str(layout.bounces_socket.parent.relative_to("/var/lib"))]
    assert unit("bounces")["ExecStart"][0].endswith(f" {layout.open_layout_path}")
    assert unit("postsrsd")["ExecStart"][0].endswith(f" {layout.open_layout_path} ${{CREDENTIALS_DIRECTORY}}/{layout.srs_secret_path.name}")
    assert unit("postsrsd")["LoadCredential"] == [f"{layout.srs_secret_path.name}:{layout.srs_secret_path}"]
    assert unit("rspamd")["ExecStart"] == [" ".join(scanners.rspamd_command(layout))]
    assert unit("clamd")["ExecStart"] == [f"/usr/sbin/clamd -c {layout.clamd_conf}"]
    assert f"{layout.truesize_socket} {layout.run_dir / 'quota-status'} " in unit("truesize")["ExecStart"][0]
    files = [str(production.panel_environment_path(layout)), str(production.host_environment_path(layout))]
    assert unit("worker")["EnvironmentFile"] == unit("jobs")["EnvironmentFile"] == files
    assert unit("panel")["EnvironmentFile"] == unit("beat")["EnvironmentFile"] == files[:1]
    assert "{}:{}".format(*layout.ports["panel"]) in unit("panel")["ExecStart"][0]


@pytest.mark.parametrize("name", ["panel", "beat", "truesize", "milter", "rspamd", "clamd", "postsrsd", "bounces"])
def test_what_needs_no_rights_has_none(name: str) -> None:
    settings = unit(name)
    assert settings.get("DynamicUser") == ["yes"] or settings["User"][0] != "root"
    assert settings["CapabilityBoundingSet"] == [""]
    closed = settings["InaccessiblePaths"][0].split()
    assert "-/etc/tegami" in closed or {"-/etc/tegami/layout.json", "-/etc/tegami/tegami.env", "-/etc/tegami/mailhost.env"} <= set(closed)


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")
def test_systemd_finds_no_fault_in_the_units(tmp_path: Path) -> None:
    for path in [*UNITS.glob("*.service"), *UNITS.glob("*.target")]:
        # Only programs that are there satisfy it.
        (tmp_path / path.name).write_text(re.sub(r"/opt/tegami/\S*/(python|gunicorn|celery)\b", "/bin/true", path.read_text()))
    units = [str(path) for path in tmp_path.iterdir()]
    done = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True, check=False)
    assert "tegami" not in done.stderr, done.stderr
    assert {"tegami-milter.service", "tegami-rspamd.service", "tegami-clamd.service"} < {Path(path).name for path in units}


# --- the environment
def test_environment_files_are_roots_and_a_shell_reads_them(prepared: Layout) -> None:
    paths = [production.panel_environment_path(prepared), production.host_environment_path(prepared), prepared.layout_path]
    assert {path.stat().st_mode & 0o777 for path in paths} == {0o600}
    shell = said("/bin/sh", "-c", f"set -a; . {paths[0]}; . {paths[1]}; exec env")
    found = dict(line.split("=", 1) for line in shell.splitlines())
    assert {name: found[name] for name in URLS} == URLS
    assert (found["TEGAMI_HOST"], found["TEGAMI_HTTPS"], found["TEGAMI_ALLOWED_HOSTS"]) == ("mx1", "1", "mail.example.com")
    assert found["TEGAMI_LAYOUT"] == str(prepared.layout_path)
    assert "TEGAMI_LAYOUT" not in read_environment(paths[0])


def test_prepared_again_it_keeps_secrets_and_what_an_operator_added(
    prepared: Layout, host_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in URLS:  # the test run's own; an operator's second call need not give them again
        monkeypatch.delenv(name, raising=False)
    path = production.panel_environment_path(prepared)
    before = read_environment(path)
    with path.open("a") as file:
        file.write("# ours\nTEGAMI_TIME_ZONE='Europe/Zurich'\n")
    again = on_free_ports(host_folder, prepared.ports)
    assert not any(prepare(again, "panel.example.com").values())
    assert again.secrets == Layout.load(prepared.layout_path).secrets == prepared.secrets
    assert production_layout(**STANDARD, prefix=host_folder).filters == prepared.filters  # type: ignore[arg-type]
    names = {"TEGAMI_ALLOWED_HOSTS": "panel.example.com", "TEGAMI_TRUSTED_ORIGINS": "https://panel.example.com"}
    assert read_environment(path) == {**before, "TEGAMI_TIME_ZONE": "Europe/Zurich", **names}


@pytest.mark.parametrize(
    ("name", "value"), [("DATABASE_URL", ""), ("DATABASE_URL", "sqlite:///x"), ("BROKER_URL", "memory://"), ("BROKER_URL", "filesystem://")]
)
def test_addresses_that_no_second_process_reaches_are_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    for key, url in {**URLS, name: value}.items():
        monkeypatch.setenv(key, url)
    with pytest.raises(BadSetting, match=name):
        production.panel_environment(production_layout(**STANDARD), "x.example.com", {})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("broker", "cache"),
    [
        ("redis://:x@db.example.com/0", "redis://:x@db.example.com/1"),
        ("rediss://db.example.com:6380", "rediss://db.example.com:6380/1"),
        ("redis://db.example.com/3", "redis://db.example.com/4"),
        ("redis+socket:///run/redis.sock?virtual_host=2", "unix:///run/redis.sock?db=3"),
    ],
)
def test_the_cache_is_the_brokers_redis_and_another_database_of_it(broker: str, cache: str) -> None:
    """R10: what throttles the API needs one cache for all processes; emptying it must not lose messages."""
    assert production.cache_url(broker) == cache


def test_a_key_of_another_certificate_is_refused(host_folder: Path, tmp_path: Path) -> None:
    ensure_certificate(Tls(tmp_path / "c.pem", tmp_path / "k.pem", tmp_path / "ca.pem"), "mail.example.com")
    with pytest.raises(OSError, match=r"(?i)key"):
        production.check_certificate(Tls(host_folder / "c.pem", tmp_path / "k.pem"))


# --- the configuration
def test_postfix_and_dovecot_accept_it(prepared: Layout) -> None:
    assert said("/bin/sh", "-c", f"/usr/sbin/postfix -c {prepared.postfix_dir} check 2>&1") == ""
    assert said("/usr/bin/doveconf", "-n", "-c", str(prepared.dovecot_conf))


def test_the_standard_ports_and_addresses_are_accepted_too(prepared: Layout, tmp_path: Path) -> None:
    layout = replace(prepared, ports=PORTS, config=tmp_path, postfix_dir=tmp_path)
    layout.dovecot_dir.mkdir()
    for file in (*postfix_files(layout), *dovecot_files(layout)):
        write_atomically(file.path, file.text, age_s=10)
    assert said("/usr/bin/doveconf", "-h", "-c", str(layout.dovecot_conf), "service/imap-login/inet_listener/imaps/address") == "*, ::\n"
    services = said("/usr/sbin/postconf", "-c", str(tmp_path), "-M")
    assert {line.split()[0] for line in services.splitlines() if " inet " in line} == {
        "25", "587", "465", "127.0.0.1:2527", "127.0.0.1:2530",
    }  # fmt: skip


def test_dovecots_safe_defaults_are_in_force(prepared: Layout) -> None:
    names = {
        "auth_failure_delay": "2 secs",
        "service/anvil/unix_listener/anvil-auth-penalty/mode": "0600",
        "ssl": "required",
        "disable_plaintext_auth": "yes",
        "mail_max_userip_connections": "10",
        "ssl_min_protocol": "TLSv1.2",
    }
    assert {name: said("/usr/bin/doveconf", "-h", "-c", str(prepared.dovecot_conf), name).strip() for name in names} == names


def test_postfix_safe_defaults_are_in_force(prepared: Layout) -> None:
    names = {
        "smtpd_client_connection_count_limit": "50",
        "smtpd_error_sleep_time": "1s",
        "smtpd_tls_auth_only": "yes",
        "smtpd_sasl_auth_enable": "no",
        "smtp_host_lookup": "dns",
        "minimal_backoff_time": "300s",
        "relayhost": "",
        "mynetworks": "",
        "inet_interfaces": "all",
    }
    assert {name: said("/usr/sbin/postconf", "-c", str(prepared.postfix_dir), "-h", name).strip() for name in names} == names
    levels = said("/usr/sbin/postconf", "-c", str(prepared.postfix_dir), "-P")
    assert re.search(r"smtpd_tls_security_level *= *encrypt", levels)
    assert re.search(r"smtpd_tls_wrappermode *= *yes", levels)


def test_no_line_of_the_private_instances_is_there(prepared: Layout) -> None:
    templates = (CHECKOUT / "mailsettings/servers/templates").rglob("*-private*")
    private = {line.strip() for path in templates for line in path.read_text().splitlines() if "=" in line and "{" not in line}
    written = {line.strip() for path in prepared.config.rglob("*") if path.is_file() for line in path.read_text().splitlines()}
    assert private
    assert not private & written


def test_rspamd_and_clamav_accept_it(prepared: Layout, tmp_path: Path) -> None:
    variables = [f"--var={word}" for word in scanners.rspamd_command(prepared)[5::2]]
    assert "syntax OK" in said("/usr/bin/rspamadm", *variables, "configtest", "-c", "/etc/rspamd/rspamd.conf")
    dumped = said("/usr/bin/rspamadm", *variables, "configdump", "-c", "/etc/rspamd/rspamd.conf")
    assert "enable_test_patterns = true" not in dumped
    assert "add_header = 6" in dumped
    assert "localhost:11333" not in dumped
    assert "localhost:11334" not in dumped
    (tmp_path / "clamd.conf").symlink_to(prepared.clamd_conf)
    read = said("/usr/bin/clamconf", "-c", str(tmp_path), "-n")
    assert "MaxScanSize" in read
    assert "ERROR" not in read
    assert not list(prepared.clamd_dir.rglob("*.ndb"))


def test_the_layout_that_daemons_read_holds_no_secret(prepared: Layout) -> None:
    text = prepared.open_layout_path.read_text()
    assert not any(secret and secret in text for secret in asdict(prepared.secrets).values())
    assert Layout.load(prepared.open_layout_path).filters.virus_down == "pass"


def test_no_other_user_reads_addresses_or_secrets(prepared: Layout) -> None:
    closed = [prepared.homes, prepared.maps_dir, prepared.directory_path.parent, prepared.log_dir, prepared.dovecot_dir / "secrets.conf"]
    closed.append(prepared.srs_secret_path)
    assert not any(path.stat().st_mode & 0o007 for path in closed)


# --- the servers
def test_mail_comes_in_and_is_read(host: Host) -> None:
    box = host.mailbox("info")
    host.arrives(box, host.inject(box))
    refused(lambda: host.inject(f"nobody@{host.domain}"), 550)
    refused(lambda: host.inject("x@elsewhere.test"), 554)


def test_mail_is_submitted_with_tls_and_by_the_logins_own_name_only(host: Host) -> None:
    box, other = host.mailbox("a"), host.mailbox("b")
    host.arrives(other, host.submit(box, other))
    host.arrives(other, host.submit(box, other, secure=True))
    refused(lambda: host.submit(box, other, sender=other), 553)


def test_no_login_without_tls(host: Host) -> None:
    box = host.mailbox("a")
    with pytest.raises(imaplib.IMAP4.error, match="PRIVACYREQUIRED"):
        imaplib.IMAP4(*host.port("imap")).login(box, PASSWORD)
    with pytest.raises(poplib.error_proto, match="disallowed"):
        poplib.POP3(*host.port("pop3")).user(box)
    with smtplib.SMTP(*host.port("submission"), timeout=30) as smtp:
        smtp.ehlo()
        assert not smtp.has_extn("auth")
        assert smtp.mail(box)[0] == 530


def test_the_size_of_a_mailbox_is_kept_at_the_end_of_the_data(host: Host) -> None:
    box = host.mailbox("a", max_message_mb=1)
    refused(lambda: host.inject(box, message=note("x@outside.test", box, size=2_000_000), declare_size=False), 552)


def test_a_bounce_is_told_to_the_first_sender_by_the_forwarding_address(host: Host) -> None:
    """postsrsd, the handler and the way out, with their units' rights."""
    first, info = host.mailbox("first"), host.alias("info", "hidden@far.test")
    back = asyncio.run(rewritten(host.layout.ports["srs"], first, tag(info)))
    refused(lambda: host.inject(back, sender="x@outside.test"), 550)
    host.inject(back, sender="", message=bounce(first, "hidden@far.test"))
    end = time.monotonic() + 20
    while not (found := host.folder(first)) and time.monotonic() < end:
        time.sleep(0.1)
    assert len(found) == 1
    assert f"rfc822; {info}" in found[0].as_string()
    assert "far.test" not in found[0].as_string()


def test_prepared_again_the_secret_of_rewritten_senders_stays(prepared: Layout) -> None:
    before = prepared.srs_secret_path.read_text()
    prepare(prepared)
    assert prepared.srs_secret_path.read_text() == before


RELOAD = """
import sys
from mailsettings.servers import layout, postfix
sys.exit(not postfix.postfix_reload(layout.Layout.load(sys.argv[1])))
"""


def test_a_worker_with_its_units_rights_finds_postfix_and_reloads_it(running: Layout) -> None:
    command = [*started_by("worker", Path("/"))[:3], sys.executable, "-c", RELOAD, str(running.layout_path)]
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
