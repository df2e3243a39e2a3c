from django.apps import AppConfig


class BaseConfig(AppConfig):
    name = "panel.base"
    label = "base"
