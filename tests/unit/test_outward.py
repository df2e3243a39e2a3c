"""Requests to addresses that somebody else chose: what is refused, and that what was judged is what is connected to."""

import socket
import time
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from panel.base import outward
from tests.receiver import Receiver, make_certificate, receiving

PUBLIC = "93.184.215.14"


@pytest.mark.parametrize(
    "text",
    [
        "127.0.0.1", "127.255.0.1", "0.1.2.3", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "100.127.255.255", "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1",
        "255.255.255.255", "::", "::1", "fe80::1", "febf::1", "fec0::1", "fc00::1", "fd12:3456::1", "ff02::1", "2001:db8::1", "2001::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "2002:7f00:1::", "2002:a00:1::", "2002:c0a8:101::1",
        "64:ff9b::127.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "::127.0.0.1", "::10.0.0.1", "100::1", "4000::1",
    ],
)  # fmt: skip
def test_what_is_not_on_the_public_internet(text: str) -> None:
    assert not outward.is_public(ip_address(text))


@pytest.mark.parametrize(
    "text", ["8.8.8.8", PUBLIC, "172.32.0.1", "100.128.0.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1"]
)
def test_what_is(text: str) -> None:
    assert outward.is_public(ip_address(text))


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://example.com/", "scheme"),
        ("ftp://example.com/", "scheme"),
        ("javascript:alert(1)", "scheme"),
        ("//example.com/", "scheme"),
        ("https://me:secret@example.com/", "user"),
        ("https://@example.com/", "user"),
        ("https://example.com/#part", "fragment"),
        ("https://example.com:25/", "port"),
        ("https://example.com:0/", "port"),
        ("https://example.com:99999/", "invalid"),
        ("https://example.com:x/", "invalid"),
        ("https://[::1/", "invalid"),
        ("https://", "host"),
        ("https:///path", "host"),
        ("https://exa mple.com/", "characters"),
        ("https://example.com/\r\nX: y", "characters"),
        ("https://example.com\\@127.0.0.1/", "characters"),
        ("https://example..com/", "host"),
        ("https://-a.example.com/", "host"),
        ("https://under_score.example.com/", "host"),
        ("https://localhost/", "not_allowed"),
        ("https://intranet/", "not_allowed"),
        ("https://127.0.0.1/", "not_allowed"),
        ("https://[::1]/", "not_allowed"),
        ("https://[::ffff:10.0.0.1]/", "not_allowed"),
        ("https://127.1/", "host"),
        ("https://2130706433/", "host"),
        ("https://0x7f.0.0.1/", "host"),
        ("https://0177.0.0.1/", "host"),
        ("https://１２７.０.０.１/", "host"),
        ("https://example.com/" + "a" * 500, "length"),
    ],
)
def test_urls_that_are_refused(url: str, code: str) -> None:
    with pytest.raises(ValidationError) as caught:
        outward.target_of(url)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://example.com", "https://example.com/"),
        ("HTTPS://Example.COM:443/a?b=c&d", "https://example.com/a?b=c&d"),
        ("https://example.com.:8443/x", "https://example.com:8443/x"),
        ("https://例え.テスト/道?語=1", "https://xn--r8jz45g.xn--zckzah/%E9%81%93?%E8%AA%9E=1"),
        ("https://8.8.8.8/a%20b", "https://8.8.8.8/a%20b"),
        ("https://[2606:4700::1111]:8443/", "https://[2606:4700::1111]:8443/"),
    ],
)
def test_urls_are_kept_in_one_form(url: str, kept: str) -> None:
    assert outward.target_of(url).url == kept
    assert outward.target_of(kept).url == kept


def test_the_operator_may_allow_private_targets(settings: Any) -> None:
    settings.ALLOW_PRIVATE_TARGETS = True
    for url in ("http://127.0.0.1:8080/x", "http://receiver:81/", "https://[::1]:9/", "http://example.com/"):
        assert outward.target_of(url).url == url
    with pytest.raises(ValidationError):
        outward.target_of("ftp://127.0.0.1/")


# --- connections


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What the name server answers, one list a question; the last one again and again."""
    answers: list[list[str]] = []

    def resolve(host: str, port: int, *words: Any, **more: Any) -> list[Any]:
        found = answers.pop(0) if len(answers) > 1 else answers[0]
        if not found:
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return answers


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses that were connected to; whatever is asked for, the receiver on loopback answers."""
    asked: list[str] = []
    real = socket.socket

    def connect(place: tuple[str, int], timeout: float) -> socket.socket:
        asked.append(place[0])
        line = real(socket.AF_INET)
        line.settimeout(timeout)
        line.connect(("127.0.0.1", RECEIVER_PORT[0]))
        return line

    monkeypatch.setattr(socket, "create_connection", connect)
    return asked


RECEIVER_PORT = [0]


@pytest.fixture
def receiver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """HTTPS, for hooks.example.com."""
    certificate = make_certificate(tmp_path / "hooks.pem", "hooks.example.com")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    outward.trust.cache_clear()
    with receiving(certificate) as kept:
        RECEIVER_PORT[0] = kept.port
        yield kept
    outward.trust.cache_clear()


def post(url: str = "https://hooks.example.com/x?y=1") -> int:
    return outward.post(outward.target_of(url), b"{}", {"Content-Type": "application/json"})


def code_of(url: str = "https://hooks.example.com/") -> str:
    with pytest.raises(outward.Unreached) as caught:
        post(url)
    return caught.value.code


def test_it_arrives_with_its_path_and_host(names: list[list[str]], connected: list[str], receiver: Receiver) -> None:
    names.append([PUBLIC])
    assert post() == 204
    assert (receiver.came[0]["path"], receiver.came[0]["host"], receiver.came[0]["body"]) == ("/x?y=1", "hooks.example.com", b"{}")


def test_a_name_that_leads_inside_is_refused(names: list[list[str]], connected: list[str], receiver: Receiver) -> None:
    names.append(["10.0.0.5", "::1"])
    assert code_of() == "not_allowed"
    assert connected == []


def test_of_several_addresses_only_public_ones_are_asked(names: list[list[str]], connected: list[str], receiver: Receiver) -> None:
    names.append(["127.0.0.1", PUBLIC])
    assert post() == 204
    assert connected == [PUBLIC]


def test_a_name_that_changes_its_answer_leads_nowhere(names: list[list[str]], connected: list[str], receiver: Receiver) -> None:
    """DNS rebinding: public at the first question, private at the second. There is no second question."""
    names.extend([[PUBLIC], ["127.0.0.1"]])
    assert post() == 204
    assert connected == [PUBLIC]
    assert names == [["127.0.0.1"]]


def test_an_unknown_name_says_so(names: list[list[str]]) -> None:
    names.append([])
    assert code_of() == "no_address"


def test_the_certificate_must_be_that_of_the_name(names: list[list[str]], connected: list[str], receiver: Receiver) -> None:
    names.append([PUBLIC])
    assert code_of("https://other.example.com/") == "certificate"


def test_the_certificate_must_be_of_somebody_who_is_trusted(
    names: list[list[str]], connected: list[str], receiver: Receiver, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    names.append([PUBLIC])
    monkeypatch.setenv("SSL_CERT_FILE", str(make_certificate(tmp_path / "another.pem", "hooks.example.com")))
    outward.trust.cache_clear()
    assert code_of() == "certificate"
    assert receiver.came == []


def test_a_redirect_is_an_answer_like_any_other(names: list[list[str]], connected: list[str], receiver: Receiver) -> None:
    names.append([PUBLIC])
    receiver.answers, receiver.headers = [302], {"Location": "https://hooks.example.com/elsewhere"}
    assert post() == 302
    assert len(receiver.came) == len(connected) == 1


def test_an_endless_answer_is_not_read_to_its_end(names: list[list[str]], connected: list[str], receiver: Receiver) -> None:
    names.append([PUBLIC])
    receiver.endless, receiver.answers = True, [200]
    began = time.monotonic()
    assert post() == 200
    assert time.monotonic() - began < 5


def test_whoever_trickles_is_cut_off(
    names: list[list[str]], connected: list[str], receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each byte comes in time for a limit between two bytes; the limit of the whole ends it."""
    names.append([PUBLIC])
    monkeypatch.setattr(outward, "TIME_LIMIT", 0.6)
    receiver.trickle_s = 0.1
    began = time.monotonic()
    assert code_of() == "timed_out"
    assert time.monotonic() - began < 2


def test_whoever_never_finishes_the_handshake_is_cut_off(
    names: list[list[str]], connected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    names.append([PUBLIC])
    monkeypatch.setattr(outward, "TIME_LIMIT", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        RECEIVER_PORT[0] = silent.getsockname()[1]
        assert code_of() == "timed_out"


def test_a_closed_port_says_so(names: list[list[str]], monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    settings.ALLOW_PRIVATE_TARGETS = True
    with socket.create_server(("127.0.0.1", 0)) as once:
        port = once.getsockname()[1]
    names.append(["127.0.0.1"])
    assert code_of(f"http://localhost:{port}/") == "no_connection"


def test_proxies_of_the_environment_are_not_asked(
    names: list[list[str]], connected: list[str], receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    names.append([PUBLIC])
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    assert post() == 204
