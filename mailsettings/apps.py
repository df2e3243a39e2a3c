from django.apps import AppConfig


class MailsettingsConfig(AppConfig):
    name = "mailsettings"

    def ready(self) -> None:
        from accounts.freshness import usage_wanted
        from mailsettings.tasks import ask_usage, send
        from panel.base import changes

        changes.on_record(send)
        usage_wanted.connect(ask_usage)
