"""The private stack: everything real on loopback, started, watched and ended by process id, never by name."""

from mailsettings.servers.stack.components import StackError
from mailsettings.servers.stack.instance import restart, start, status, stop

__all__ = ["StackError", "restart", "start", "status", "stop"]
