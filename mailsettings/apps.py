from django.apps import AppConfig


class MailsettingsConfig(AppConfig):
    name = "mailsettings"

    def ready(self) -> None:
        from accounts import acts, attention, events, navigation
        from accounts.freshness import usage_wanted
        from accounts.words import WORDS
        from mailsettings import acts as said
        from mailsettings import words
        from mailsettings.attention import needs
        from mailsettings.events import ACTS
        from mailsettings.navigation import rows
        from mailsettings.services import undoers
        from mailsettings.tasks import ask_usage, send
        from panel.base import changes

        changes.on_record(send)
        usage_wanted.connect(ask_usage)
        navigation.also(rows)
        attention.also(needs)
        events.also(ACTS)
        WORDS.update(words.WORDS)
        undoers.register()
        acts.also(said.KINDS, said.ACTS, said.FIELDS)
