"""The REST API of this app's objects."""
