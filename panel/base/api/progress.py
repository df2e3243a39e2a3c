"""How things fare: `/changes/<id>/` on its way to the mail servers, `/jobs/<id>/` for long work."""

import re
from typing import Any
from uuid import UUID

from django.db import transaction
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from panel.base import changes, jobs
from panel.base.api import etags
from panel.base.api.permissions import user_of
from panel.base.api.problems import bad
from panel.base.api.views import Api
from panel.base.models import Change, Job, JobState, State

LONGEST_WAIT = 5.0  # seconds


class ChangeHost(serializers.Serializer[Any]):
    name = serializers.CharField(help_text="The mail host.")
    state = serializers.ChoiceField(choices=State.choices, help_text="How the change fares there.")
    error = serializers.CharField(help_text="Why it failed or still waits; empty otherwise.")


class ChangeSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    state = serializers.ChoiceField(
        choices=State.choices,
        help_text="`live` is said after the running servers were asked; `failed`: the old settings stay, `hosts` says why.",
    )
    requested_at = serializers.DateTimeField()
    live_at = serializers.DateTimeField(allow_null=True, help_text="When the last host had it.")
    hosts = ChangeHost(many=True)


class JobError(serializers.Serializer[Any]):
    code = serializers.CharField(help_text="For programs.")
    message = serializers.CharField(help_text="For people, in the language of the request that began the job.")
    line = serializers.IntegerField(required=False, help_text="Of a file: the line where the cell begins, from 1.")
    column = serializers.IntegerField(required=False, help_text="Of a file: the cell's number in its row, from 1.")
    field = serializers.CharField(required=False, help_text="Of a file: the column's name in the header.")
    used = serializers.IntegerField(required=False, help_text="With `limit_reached`: how many there are.")
    limit = serializers.IntegerField(required=False, help_text="With `limit_reached`: how many there may be.")


@extend_schema_field({})
class AnyValue(serializers.JSONField):
    """Any JSON, null too: "oneOf anything or null", as the generator would say, no null can match."""


class JobSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    kind = serializers.CharField(help_text="What it does, e.g. `purge`, `import`.")
    state = serializers.ChoiceField(choices=JobState.choices, help_text="`done` includes being live.")
    done = serializers.IntegerField(help_text="How many of `total` are done.")
    total = serializers.IntegerField()
    result = AnyValue(
        help_text="Of an import: `rows`, `create`, `change`, `delete`, `passed_over`, `unchanged`, and `errors`, how many there were.",
    )
    errors = JobError(many=True, help_text="What went wrong, one entry each; of an import at most 2,000.")  # type: ignore[assignment]


class ChangeApi(Api):
    """How one change fares, by the `Change-Id` that a write answered with. Only one's own; an operator sees all."""

    resource = "changes"
    serializer_class = ChangeSerializer

    @extend_schema(
        operation_id="changes_retrieve",
        parameters=[OpenApiParameter("wait", float, description="Seconds to wait for it to be live or failed, at most 5.")],
        responses=ChangeSerializer,
    )
    def get(self, request: Request, change_id: UUID) -> Response:
        seconds = _seconds(request.query_params.get("wait", "0"))
        change = get_object_or_404(Change.objects.visible_to(user_of(request)), pk=change_id)
        return self.shown_unless_known(request, change, _fares(change, seconds))


class ChangeRetryApi(Api):
    """Sends what failed of a change again, by today's settings."""

    resource = "changes"
    serializer_class = ChangeSerializer

    @extend_schema(operation_id="changes_retry", request=None, responses=ChangeSerializer)
    def post(self, request: Request, change_id: UUID) -> Response:
        change = get_object_or_404(Change.objects.visible_to(user_of(request)), pk=change_id)
        with transaction.atomic():
            changes.retry(change, acting_user=user_of(request))
        return self.answer(change, _fares(change, 0), change=change)


def _fares(change: Change, seconds: float) -> dict[str, Any]:
    progress = changes.wait(change.pk, seconds)
    return dict(
        ChangeSerializer(
            {
                "id": change.pk,
                "state": progress.state,
                "requested_at": change.requested_at,
                "live_at": progress.live_at,
                "hosts": change.hosts(),
            }
        ).data
    )


def _seconds(text: str) -> float:
    """The seconds of `?wait=`, at most `LONGEST_WAIT`: whoever asks for more waits for that, and asks again."""
    if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,6})?", text):
        raise bad("wait", _("This is a number of seconds from 0 to 5."))
    return min(float(text), LONGEST_WAIT)


class JobApi(Api):
    """Long work, by the id that its request was answered with. Only one's own; an operator sees all."""

    resource = "jobs"
    serializer_class = JobSerializer

    @extend_schema(operation_id="jobs_retrieve", responses=JobSerializer)
    def get(self, request: Request, job_id: UUID) -> Response:
        job = get_object_or_404(Job.objects.visible_to(user_of(request)), pk=job_id)
        return self.shown_unless_known(request, job, JobSerializer(job).data)

    @extend_schema(operation_id="jobs_cancel", responses={204: None})
    def delete(self, request: Request, job_id: UUID) -> Response:
        """Cancels a job that nobody has begun, an import until it is carried out; 409 afterwards."""
        with transaction.atomic():
            job = get_object_or_404(Job.objects.visible_to(user_of(request)).select_for_update(), pk=job_id)
            etags.require_match(request, job)
            jobs.cancel(job, acting_user=user_of(request))
        return Response(status=204)
