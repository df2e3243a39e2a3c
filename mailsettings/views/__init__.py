"""Pages about what happens to mail: for admins under /mailboxes/<address>/, for its user under /me/, for domains under /domains/."""
