"""The pages about what happens to mail. What an admin finds under /mailboxes/<address>/ its user finds under /me/."""

from django.urls import path

from mailsettings.views import replies

urlpatterns = [
    path("mailboxes/<str:address>/auto-reply/", replies.MailboxReply.as_view(), name="mailbox-reply"),
    path("mailboxes/<str:address>/auto-reply/reset/", replies.MailboxReplyReset.as_view(), name="mailbox-reply-reset"),
    path("mailboxes/<str:address>/auto-reply/delete/", replies.MailboxReplyDelete.as_view(), name="mailbox-reply-delete"),
    path("me/auto-reply/", replies.MyReply.as_view(), name="me-reply"),
    path("me/auto-reply/reset/", replies.MyReplyReset.as_view(), name="me-reply-reset"),
    path("me/auto-reply/delete/", replies.MyReplyDelete.as_view(), name="me-reply-delete"),
]
