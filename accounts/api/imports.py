"""`/imports/`: many accounts by a CSV file (A13, A14, A16)."""

from collections.abc import Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.parsers import BaseParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import names
from accounts.api.resource import HasPart
from accounts.bulk.samples import SAMPLES
from accounts.models import Domain
from accounts.permissions import require
from accounts.services import imports
from panel.base.api.fields import Strict
from panel.base.api.parsing import LargeParser
from panel.base.api.permissions import user_of
from panel.base.api.problems import CONTENT_TYPE, Problem, bad
from panel.base.api.progress import JobSerializer
from panel.base.api.schema import ProblemSerializer
from panel.base.api.views import Api
from panel.base.models import Job

SLACK = 65_536  # bytes of a multipart body beside its file
FLAGS = {"true": True, "false": False}
PREVIEW = OpenApiParameter("preview", bool, description="true: the file is only checked; `…/carry-out/` then does it.")
JOB_PLACE = OpenApiParameter("Location", str, OpenApiParameter.HEADER, description="Where the job is.", response=[202])
TOO_LARGE = {(413, CONTENT_TYPE): OpenApiResponse(ProblemSerializer, "More than 20 MB.")}
NO_FORM = {(415, CONTENT_TYPE): OpenApiResponse(ProblemSerializer, "No multipart/form-data.")}


@extend_schema_field(OpenApiTypes.BINARY)
class CsvField(serializers.FileField):
    """The file as a part of the form."""


class ImportBody(serializers.Serializer[Any]):
    domain = serializers.CharField(max_length=255, help_text="Name of the domain that the accounts belong to.")
    kind = serializers.ChoiceField(choices=imports.KINDS, help_text="What the file is for: its sample shows the columns.")
    file = CsvField(allow_empty_file=True, help_text="CSV in UTF-8, UTF-16 (with BOM) or Shift_JIS; at most 20 MB and 100,000 rows.")


class FileParser(MultiPartParser):
    """Refuses with 413 before anything is read into memory."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        length = parser_context["request"].META.get("CONTENT_LENGTH") or "0"
        if not length.isdecimal() or int(length) > imports.LARGEST + SLACK:
            any(not stream.read(imports.MB) for _number in range(LargeParser.patience))
            raise Problem(413, _("The body is too large."))
        return super().parse(stream, media_type, parser_context)


class ImportApi(Api):
    """Many accounts at once, all or nothing. Answers with a job; each bad row is one of the job's errors."""

    resource = "imports"
    reaches_servers = False
    serializer_class = ImportBody
    permission_classes: Sequence[Any] = [HasPart]
    parser_classes: Sequence[type[BaseParser]] = [FileParser]

    def get_body_class(self) -> Any:
        return ImportBody

    @extend_schema(
        operation_id="imports_create",
        parameters=[PREVIEW, JOB_PLACE],
        responses={202: JobSerializer} | TOO_LARGE | NO_FORM,
    )
    def post(self, request: Request) -> Response:
        """`create`, `edit` (blank = unchanged, unknown accounts are passed over) or `commands` (add, modify, delete)."""
        user = user_of(request)
        require(user, "import.create")
        preview = _flag(request.query_params.get("preview", "false"))
        body = ImportBody(data=request.data)
        body.is_valid(raise_exception=True)
        asked = body.validated_data
        domain = _domain(asked["domain"], user)
        file = asked["file"]
        job = imports.start(domain, asked["kind"], file.name, file.read(), acting_user=user, preview=preview)
        return _accepted(self, request, job)


class CarryOutApi(Api):
    """Carries out what a preview has shown."""

    resource = "imports"
    serializer_class = JobSerializer
    permission_classes: Sequence[Any] = [HasPart]

    @extend_schema(operation_id="imports_carry_out", parameters=[JOB_PLACE], request=None, responses={202: JobSerializer})
    def post(self, request: Request, job_id: Any) -> Response:
        """The same file, checked again. 409 where the preview found errors, was carried out already, or its file is erased."""
        user = user_of(request)
        job = get_object_or_404(Job.objects.visible_to(user).filter(kind=imports.JOB), pk=job_id)
        if not Domain.objects.visible_to(user).filter(name=job.args["domain"]).exists():
            raise Http404
        Strict(data=request.data).is_valid(raise_exception=True)
        return _accepted(self, request, imports.carry_out(job, acting_user=user))


class SampleApi(Api):
    """Sample files, named as the manuals name them."""

    resource = "imports"
    untagged = ("get",)
    permission_classes: Sequence[Any] = [HasPart]

    @extend_schema(
        operation_id="imports_sample",
        parameters=[OpenApiParameter("kind", str, OpenApiParameter.PATH, enum=sorted(SAMPLES))],
        responses={(200, "text/csv"): OpenApiResponse(str, "The sample.")},
    )
    def get(self, request: Request, kind: str) -> HttpResponse:
        """The header that the kind needs, with examples that do nothing until they are filled in."""
        if kind not in SAMPLES:
            raise Http404
        name, text = SAMPLES[kind]
        return HttpResponse(text, content_type="text/csv; charset=utf-8", headers={"Content-Disposition": f'attachment; filename="{name}"'})


def _accepted(view: Api, request: Request, job: Job) -> Response:
    address = request.build_absolute_uri(reverse("api:job", args=[job.pk]))
    return view.answer(job, JobSerializer(job).data, status=202, location=address)


def _domain(name: str, user: Any) -> Domain:
    """One of the user's own; 404 otherwise."""
    try:
        name = names.to_ascii(name)
    except ValidationError:
        raise Http404 from None
    found: Domain = get_object_or_404(Domain.objects.visible_to(user).select_related("host"), name=name)
    return found


def _flag(text: str) -> bool:
    if text not in FLAGS:
        raise bad("preview", _("This is true or false."))
    return FLAGS[text]
