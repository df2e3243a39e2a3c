"""The pages about what happens to mail. What an admin finds under /mailboxes/<address>/ its user finds under /me/."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
