"""The one typed reader of environment variables.

Every reader takes the variable's name and a default and raises `BadSetting`, which names the
variable and the rule it breaks: a wrong value stops the start instead of surprising later.
"""

import os
from ipaddress import ip_address, ip_network
from urllib.parse import unquote, urlsplit


class BadSetting(Exception):
    """An environment variable has a value that its setting does not take."""

    def __init__(self, name: str, rule: str) -> None:
        super().__init__(f"environment variable {name}: {rule}")


def text(name: str, default: str | None = None) -> str:
    """The variable as it stands; without a default it must be set."""
    value = os.environ.get(name, default)
    if value is None:
        raise BadSetting(name, "must be set")
    return value


def flag(name: str, default: bool) -> bool:
    """True for 1, yes, true, on; False for 0, no, false, off."""
    value = os.environ.get(name)
    if value is None:
        return default
    known = {"1": True, "yes": True, "true": True, "on": True, "0": False, "no": False, "false": False, "off": False}
    if value.lower() not in known:
        raise BadSetting(name, "must be one of 1, 0, yes, no, true, false, on, off")
    return known[value.lower()]


def number(name: str, default: int, *, at_least: int = 0) -> int:
    """A whole number not below `at_least`."""
    value = os.environ.get(name)
    if value is None:
        return default
    if not value.lstrip("-").isdigit() or int(value) < at_least:
        raise BadSetting(name, f"must be a whole number of at least {at_least}")
    return int(value)


def words(name: str, default: str = "") -> list[str]:
    """A comma-separated list, blanks dropped."""
    return [word.strip() for word in os.environ.get(name, default).split(",") if word.strip()]


def networks(name: str, default: str = "") -> list[str]:
    """A comma-separated list of networks, as `192.0.2.0/24` or `2001:db8::/32`."""
    found = words(name, default)
    for one in found:
        try:
            ip_network(one)
        except ValueError as error:
            raise BadSetting(name, f"must be networks: {error}") from None
    return found


def pair(first: str, second: str) -> tuple[str, str]:
    """Two variables of which both are set, or neither ("")."""
    values = (os.environ.get(first, ""), os.environ.get(second, ""))
    if bool(values[0]) != bool(values[1]):
        raise BadSetting(second if values[0] else first, f"must be set together with {first if values[0] else second}")
    return values


def servers(name: str, port: int) -> list[tuple[str, int]]:
    """A comma-separated list of IP addresses, each with `#port` behind it where that is another one than `port`."""
    return [_server(name, word, port) for word in words(name)]


def _server(name: str, word: str, port: int) -> tuple[str, int]:
    address, _, given = word.partition("#")
    try:
        ip_address(address)
    except ValueError as error:
        raise BadSetting(name, f"must be IP addresses: {error}") from None
    if given and not (given.isdecimal() and 0 < int(given) < 65_536):
        raise BadSetting(name, f"{given} is no port")
    return address, int(given or port)


def database(name: str, default: str) -> dict[str, object]:
    """Django's DATABASES entry for `sqlite:///PATH` or `postgresql://user:password@host:port/name[?host=/socket]`."""
    url = urlsplit(os.environ.get(name, default))
    if url.scheme == "sqlite":
        return _sqlite(url.path[1:])
    if url.scheme != "postgresql":
        raise BadSetting(name, "must begin with sqlite:/// or postgresql://")
    return _postgresql(url.username, url.password, url.hostname, url.port, url.path[1:], url.query)


def _sqlite(path: str) -> dict[str, object]:
    # IMMEDIATE: two writers queue up instead of one failing when it upgrades its read lock.
    init = "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
    options = {"timeout": 20, "transaction_mode": "IMMEDIATE", "init_command": init}
    return {"ENGINE": "django.db.backends.sqlite3", "NAME": path, "OPTIONS": options}


def _postgresql(user: str | None, password: str | None, host: str | None, port: int | None, name: str, query: str) -> dict[str, object]:
    socket = unquote(query.removeprefix("host=")) if query.startswith("host=") else ""
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": name,
        "USER": unquote(user or ""),
        "PASSWORD": unquote(password or ""),
        "HOST": socket or host or "",
        "PORT": str(port or ""),
        "CONN_MAX_AGE": 600,
        "CONN_HEALTH_CHECKS": True,
    }
