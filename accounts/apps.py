from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"

    def ready(self) -> None:
        from accounts import events
        from accounts.services import undoers
        from panel.base import audit

        undoers.register()
        audit.on_entries(events.tell)
