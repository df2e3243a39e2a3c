"""The pages about what happens to mail. What an admin finds under /mailboxes/<address>/ its user finds under /me/."""

from django.urls import path

from mailsettings.views import discovery, explain, filters, forwarding, profiles, receive, replies, spam

urlpatterns = [
    # for programs, without signing in: their paths are fixed (mailsettings.discovery.middleware)
    path("mail/config-v1.1.xml", discovery.thunderbird, name="autoconfig"),
    path(".well-known/autoconfig/mail/config-v1.1.xml", discovery.thunderbird, name="autoconfig-well-known"),
    path("autodiscover/autodiscover.xml", discovery.outlook, name="autodiscover"),
    path("setup/apple.mobileconfig", discovery.apple, name="apple-profile"),
    path("mailboxes/<str:address>/auto-reply/", replies.MailboxReply.as_view(), name="mailbox-reply"),
    path("mailboxes/<str:address>/auto-reply/reset/", replies.MailboxReplyReset.as_view(), name="mailbox-reply-reset"),
    path("mailboxes/<str:address>/auto-reply/delete/", replies.MailboxReplyDelete.as_view(), name="mailbox-reply-delete"),
    path("mailboxes/<str:address>/spam/", spam.MailboxSpam.as_view(), name="mailbox-spam"),
    path("mailboxes/<str:address>/spam/senders/", spam.MailboxSpamSenders.as_view(), name="mailbox-spam-senders"),
    path("mailboxes/<str:address>/spam/seat/", spam.MailboxSpamSeat.as_view(), name="mailbox-spam-seat"),
    path("mailboxes/<str:address>/spam/<str:switch>/", spam.MailboxSpamSwitch.as_view(), name="mailbox-spam-switch"),
    path("me/auto-reply/", replies.MyReply.as_view(), name="me-reply"),
    path("me/auto-reply/reset/", replies.MyReplyReset.as_view(), name="me-reply-reset"),
    path("me/auto-reply/delete/", replies.MyReplyDelete.as_view(), name="me-reply-delete"),
    path("me/spam/", spam.MySpam.as_view(), name="me-spam"),
    path("me/spam/senders/", spam.MySpamSenders.as_view(), name="me-spam-senders"),
    path("me/spam/<str:switch>/", spam.MySpamSwitch.as_view(), name="me-spam-switch"),
    path("domains/<str:domain>/filters/", filters.FilterList.as_view(), name="filter-list"),
    path("domains/<str:domain>/filters/new/", filters.FilterCreate.as_view(), name="filter-create"),
    path("domains/<str:domain>/filters/order/", filters.FilterOrder.as_view(), name="filter-order"),
    path("domains/<str:domain>/filters/<int:pk>/", filters.FilterEdit.as_view(), name="filter-edit"),
    path("domains/<str:domain>/filters/<int:pk>/delete/", filters.FilterDelete.as_view(), name="filter-delete"),
    path("domains/<str:domain>/senders/", filters.DomainSenders.as_view(), name="domain-senders"),
    path("mailboxes/<str:address>/explain/", explain.MailboxExplain.as_view(), name="mailbox-explain"),
    path("me/explain/", explain.MyExplain.as_view(), name="me-explain"),
    path("mailboxes/<str:address>/forwarding/", forwarding.MailboxForwarding.as_view(), name="mailbox-forwarding"),
    path("mailboxes/<str:address>/forwarding/permission/", receive.MailboxPermission.as_view(), name="mailbox-forwarding-permission"),
    path("mailboxes/<str:address>/forwarding/new/<str:group>/", profiles.MailboxProfileCreate.as_view(), name="mailbox-profile-create"),
    path("mailboxes/<str:address>/forwarding/order/<str:group>/", forwarding.MailboxProfileOrder.as_view(), name="mailbox-profile-order"),
    path("mailboxes/<str:address>/forwarding/<int:pk>/", profiles.MailboxProfile.as_view(), name="mailbox-profile"),
    path("mailboxes/<str:address>/forwarding/<int:pk>/delete/", profiles.MailboxProfileDelete.as_view(), name="mailbox-profile-delete"),
    path("mailboxes/<str:address>/filters/", forwarding.MailboxRules.as_view(), name="mailbox-filters"),
    path("mailboxes/<str:address>/receive/", receive.MailboxReceive.as_view(), name="mailbox-receive"),
    path("me/forwarding/", forwarding.MyForwarding.as_view(), name="me-forwarding"),
    path("me/forwarding/new/<str:group>/", profiles.MyProfileCreate.as_view(), name="me-profile-create"),
    path("me/forwarding/order/<str:group>/", forwarding.MyProfileOrder.as_view(), name="me-profile-order"),
    path("me/forwarding/<int:pk>/", profiles.MyProfile.as_view(), name="me-profile"),
    path("me/forwarding/<int:pk>/delete/", profiles.MyProfileDelete.as_view(), name="me-profile-delete"),
    path("me/filters/", forwarding.MyRules.as_view(), name="me-filters"),
    path("me/receive/", receive.MyReceive.as_view(), name="me-receive"),
]
