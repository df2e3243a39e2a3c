"""The project: settings, URLs, Celery. Everything else lives in the apps."""
