from django.apps import AppConfig


class MailsettingsConfig(AppConfig):
    name = "mailsettings"
