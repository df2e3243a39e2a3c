"""What every app stands on: the outbox, the audit trail, jobs, tenancy, the API's plumbing."""
