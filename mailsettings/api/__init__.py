"""The REST API of how mail is treated."""
