"""Celery: one queue for each mail host's changes, one for its jobs, one for questions that somebody waits for.

Tasks carry ids only, as JSON; the database says what is to be done. Neither the broker nor
`acks_late` is trusted to deliver twice: the sweep (`mailsettings.tasks.sweep`) re-sends what is still pending.
"""

import os
from pathlib import Path

from celery import Celery

from panel import environment as env
from panel import filequeue

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "panel.settings")
# Read here and not from Django's settings, which import this package.
BROKER = env.text("BROKER_URL", "memory://")

app = Celery("tegami")
app.conf.update(
    broker_url=BROKER,
    task_serializer="json",
    accept_content=["json"],
    task_ignore_result=True,
    task_default_queue="celery",
    worker_prefetch_multiplier=1,
    worker_hijack_root_logger=False,
    broker_connection_retry_on_startup=True,
    # A page must not hang when the broker is away: the sweep sends the change later.
    broker_transport_options={"socket_timeout": 5, "socket_connect_timeout": 1, "max_retries": 1},
    task_publish_retry=False,
    timezone="UTC",
    beat_schedule={
        "sweep": {"task": "mailsettings.tasks.sweep", "schedule": 5.0, "options": {"expires": 5}},
        "here": {"task": "mailsettings.tasks.ask_who_is_there", "schedule": 60.0, "options": {"expires": 60}},
        "verify": {"task": "mailsettings.tasks.verify_hosts", "schedule": 600.0, "options": {"expires": 600}},
        "usage": {"task": "reports.tasks.refresh_oldest_usage", "schedule": 60.0, "options": {"expires": 60}},
        "dns": {"task": "mailsettings.tasks.look_at_dns", "schedule": 60.0, "options": {"expires": 60}},
        "tidy": {"task": "mailsettings.tasks.tidy", "schedule": 3600.0, "options": {"expires": 3600}},
        "uploads": {"task": "mailsettings.tasks.forget_uploads", "schedule": 300.0, "options": {"expires": 300}},
        "webhooks": {"task": "accounts.tasks.deliver_due", "schedule": 5.0, "options": {"expires": 5}},
        "tidy accounts": {"task": "accounts.tasks.tidy", "schedule": 3600.0, "options": {"expires": 3600}},
    },
)
if BROKER.startswith("filesystem:"):
    filequeue.use()
    folder = Path(env.text("TEGAMI_BROKER_FOLDER"))
    app.conf.broker_transport_options = {
        "data_folder_in": str(folder / "queue"),
        "data_folder_out": str(folder / "queue"),
        "control_folder": str(folder / "control"),
        "polling_interval": 0.05,
    }
app.autodiscover_tasks(["accounts", "mailsettings", "reports"])
