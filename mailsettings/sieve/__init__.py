"""Settings → Sieve text, by pure functions: what happens to a mail once Dovecot has it."""
