"""What the benchmarks speak: REST, pages with a session, SMTP and POP."""

import http.client
import json
import poplib
import re
import smtplib
import ssl
import time
import urllib.parse
import uuid
from typing import Any

from mailsettings.servers.layout import Layout


class Client:
    """An operator of the layout's panel."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.trust = ssl.create_default_context(cafile=str(layout.tls.authority or layout.tls.certificate))
        self.cookies: dict[str, str] = {}
        self.smtp: smtplib.SMTP | None = None

    def call(self, method: str, path: str, body: Any = None) -> tuple[Any, str]:
        """JSON and Change-Id. Raises RuntimeError for a refusal."""
        headers = {"Authorization": f"Bearer {self.layout.secrets.operator_token}", "Content-Type": "application/json"}
        status, text, found = self._send(method, f"/api/v1{path}", json.dumps(body) if body is not None else None, headers)
        if status >= 400:
            raise RuntimeError(f"{method} {path}: {status} {text[:300]!r}")
        return (json.loads(text) if text else None), found.get("Change-Id") or ""

    def post(self, path: str, body: str, kind: str) -> Any:
        """A body that is not JSON. Raises RuntimeError for a refusal."""
        headers = {"Authorization": f"Bearer {self.layout.secrets.operator_token}", "Content-Type": kind}
        status, text, _found = self._send("POST", f"/api/v1{path}", body, headers)
        if status >= 400:
            raise RuntimeError(f"POST {path}: {status} {text[:300]!r}")
        return json.loads(text)

    def _send(self, method: str, path: str, body: str | None, headers: dict[str, str]) -> tuple[int, bytes, Any]:
        panel = http.client.HTTPConnection(*self.layout.ports["panel"], timeout=60)
        panel.request(method, path, body, headers)
        answer = panel.getresponse()
        text = answer.read()
        panel.close()
        for cookie in answer.headers.get_all("Set-Cookie") or ():
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value
        return answer.status, text, answer.headers

    def page(self, path: str) -> bytes:
        """A page as the signed-in operator sees it."""
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        status, text, _ = self._send("GET", path, None, {"Cookie": cookies})
        if status != 200:
            raise RuntimeError(f"{path}: {status}")
        return text

    def sign_in(self) -> None:
        """By the login form, as a browser would."""
        if "sessionid" in self.cookies:
            return
        form = self.page("/login/").decode()
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', form)
        fields = {
            "csrfmiddlewaretoken": token.group(1) if token else "",
            "username": "operator@localhost",
            "password": self.layout.secrets.operator_password,
        }
        fields["login"] = fields["username"]
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        headers = {"Cookie": cookies, "Content-Type": "application/x-www-form-urlencoded", "Referer": self.layout.panel_url + "/login/"}
        status, _, _ = self._send("POST", "/login/", urllib.parse.urlencode(fields), headers)
        if status != 302:
            raise RuntimeError(f"sign-in: {status}")

    def wait_live(self, change: str, seconds: float) -> Any:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found, _ = self.call("GET", f"/changes/{change}/?wait=5")
            if found["state"] == "live":
                return found
        raise TimeoutError(change)

    def domain(self, plan: str) -> str:
        tag = uuid.uuid4().hex[:8]
        self.call("POST", "/customers/", {"name": f"c-{tag}", "limits": {}})
        _, change = self.call("POST", "/domains/", {"name": f"b{tag}.example.com", "customer": f"c-{tag}", "plan": plan})
        self.wait_live(change, 30)
        return f"b{tag}.example.com"

    def rcpt(self, address: str) -> int:
        """What port 25 says to RCPT, over a kept session."""
        if self.smtp is None:
            self.smtp = smtplib.SMTP(*self.layout.ports["smtp"], timeout=30)
            self.smtp.ehlo("mx.outside.test")
        try:
            self.smtp.mail("bench@outside.test")
            code = self.smtp.rcpt(address)[0]
            self.smtp.rset()
        except smtplib.SMTPServerDisconnected:
            self.smtp = None
            raise
        return code

    def logs_in(self, box: str, password: str) -> bool:
        """Whether POP takes the password."""
        pop = poplib.POP3_SSL(*self.layout.ports["pop3s"], context=self.trust, timeout=30)
        try:
            pop.user(box)
            pop.pass_(password)
            return True
        finally:
            pop.close()
