"""The API's plumbing: problems, pages, ETags, idempotency."""
