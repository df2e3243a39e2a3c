from django.apps import AppConfig


class MailsettingsConfig(AppConfig):
    name = "mailsettings"

    def ready(self) -> None:
        from mailsettings.tasks import send
        from panel.base import changes

        changes.on_record(send)
