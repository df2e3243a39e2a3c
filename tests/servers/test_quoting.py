"""What the quoting functions let through, the real tools read back unchanged; the rest they refuse."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from mailsettings.servers import maps
from mailsettings.servers.files import write_atomically
from mailsettings.servers.layout import Layout
from mailsettings.servers.lock import host_lock
from mailsettings.servers.private import private_layout
from mailsettings.servers.quoting import config_value, dovecot_value, map_key, map_value

HOSTILE = st.text(
    alphabet=st.one_of(st.sampled_from("\"'#$%\\ \t\n\r\0,;:={}<>()|&!*~`ab@.é漢\u2028\x85\ufeff"), st.characters()), max_size=40
)
CHECKOUT = Path(__file__).resolve().parents[2]
quick = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
needs_postfix = pytest.mark.skipif(maps.postmap_program() is None, reason="postfix and postfix-lmdb are not installed")
needs_dovecot = pytest.mark.skipif(not Path("/usr/bin/doveconf").exists(), reason="dovecot-core is not installed")


def quoted(function: object, text: str) -> str:
    """The quoted text; a refusal ends the example."""
    assert callable(function)
    try:
        return str(function(text))
    except ValueError:
        assume(False)
        raise


@needs_postfix
@quick
@given(st.dictionaries(HOSTILE, HOSTILE, max_size=8))
@example({"#x@a.example": "v", "a@a.example": "b # c", "c$d%e&@a.example": "x \"y\" \\ 'z' ${a}"})
def test_map_entries_come_back_from_postmap(files: Layout, entries: dict[str, str]) -> None:
    good = {}
    for key, value in entries.items():
        try:
            good[map_key(key)] = map_value(value)
        except ValueError:
            continue
    with host_lock(files) as lock_fd:
        maps.rebuild(files, lock_fd, "aliases", good)
        assert maps.dump(files, "aliases") == good
        maps.rebuild(files, lock_fd, "senders", {})
        if good:
            maps.upsert(files, lock_fd, "senders", good)
        assert maps.read(files, "senders", list(good)) == good
        maps.delete(files, lock_fd, "senders", list(good))
        assert maps.dump(files, "senders") == {}


@needs_postfix
@quick
@given(HOSTILE)
def test_main_cf_values_come_back_from_postconf(tmp_path: Path, value: str) -> None:
    text = quoted(config_value, value)
    # Without a host name postconf asks the DNS for one.
    (tmp_path / "master.cf").touch()
    write_atomically(tmp_path / "main.cf", f"compatibility_level = 3.6\nmyhostname = mx1.example.com\nmail_name = {text}\n", age_s=10)
    command = ["/usr/sbin/postconf", "-c", str(tmp_path), "-h", "-x", "mail_name"]
    assert subprocess.run(command, capture_output=True, check=True).stdout.decode().removesuffix("\n") == value


@needs_dovecot
@quick
@given(HOSTILE)
def test_dovecot_values_come_back_from_doveconf(tmp_path: Path, value: str) -> None:
    text = quoted(dovecot_value, value)
    conf = tmp_path / "dovecot.conf"
    conf.write_text(f"plugin {{\n  probe = {text}\n}}\n")
    command = ["/usr/bin/doveconf", "-c", str(conf), "-h", "plugin/probe"]
    found = subprocess.run(command, capture_output=True, check=True).stdout.decode().removesuffix("\n")
    assert found.replace("%%", "%") == value


@pytest.mark.parametrize("text", ["a\nb", "a\rb", "a\0b", "a\tb", "a\x7fb", "a\x85b", "a\u2028b", "a\ud800b"])
def test_control_characters_are_refused_everywhere(text: str) -> None:
    for function in (map_key, map_value, config_value, dovecot_value):
        with pytest.raises(ValueError, match=r"U\+|no map key"):
            function(text)


@pytest.mark.parametrize("key", ["", "#a", "a b", 'a"b', "a\\b", "A@b", "é@b", "x" * 512])
def test_keys_that_postmap_would_read_otherwise_are_refused(key: str) -> None:
    with pytest.raises(ValueError, match="no map key"):
        map_key(key)


@pytest.mark.parametrize("path", ["/a b", "/a'b", "/a%b", "/a$b", "/a{b", "relative", "/a\nb"])
def test_a_layout_takes_only_paths_that_need_no_quoting(path: str) -> None:
    with pytest.raises(ValueError, match="path"):
        replace(private_layout("test-files", CHECKOUT), state=Path(path))
