"""Codes as an authenticator app shows them, and admins who have one."""

import time
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value

from accounts import two_step
from accounts.models import Admin
from accounts.services import two_step as services

PERIOD = 30  # seconds


def code_of(secret: str, steps: int = 0) -> str:
    """The code of the present half minute, or of one `steps` later."""
    return str(format_hotp_value(hotp_value(secret.replace(" ", ""), int(time.time()) // PERIOD + steps)))


def give_app(admin: Admin) -> str:
    """Sets up an app; its secret. The code of the half minute before is used up by that, the present one is not."""
    secret = two_step.new_secret()
    services.set_up_app(admin, secret=secret, code=code_of(secret, -1))
    return secret


def recovery_codes(admin: Admin) -> list[str]:
    return list(Authenticator.objects.get(user=admin, type="recovery_codes").wrap().get_unused_codes())


def wrong_code(secret: str) -> str:
    """Six digits that are none of the three that count now."""
    right = {code_of(secret, step) for step in (-1, 0, 1, 2)}
    return next(code for code in ("000000", "111111", "222222", "333333", "444444") if code not in right)


def forget_use(admin: Admin) -> None:
    """As if half a minute had passed: the present code counts again."""
    row: Any = Authenticator.objects.get(user=admin, type="totp")
    row.data["last_step"] = 0
    row.save()
