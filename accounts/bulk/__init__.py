"""CSV files of accounts: reading, checking, applying. Reading and checking are pure."""
