"""Bounces of what this host has sent on, told to the first sender by the forwarding address only (F8).

Mail to `SRS0=…@<host name>` comes here by LMTP. Of a delivery status notification (RFC 3464) that says `failed` only
this is kept: the status code, and who wrote what when to whom, as far as the first sender knows that already. The
destination, its host and what that said are in the rest, which goes no further. Everything else (auto-replies,
delays, receipts) would give the destination away too and is dropped, with a line in the log.
"""
