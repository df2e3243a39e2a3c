"""Forms: what a page asks for, in the words a service takes. The rules themselves stand in models and services."""
