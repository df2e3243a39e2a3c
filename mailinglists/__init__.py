"""Mailing lists on GNU Mailman 3: the list's settings live here, Mailman follows."""
