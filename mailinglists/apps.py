from django.apps import AppConfig


class MailinglistsConfig(AppConfig):
    name = "mailinglists"
