"""What a domain has to publish in DNS, and whether it does (A20).

`records` says what to publish, `lookup` asks resolvers, `judge` compares; `spf` reads one kind of record. All of them are pure
but `lookup`. `mailsettings.services.dns` and `.dkim` put them to use.
"""
