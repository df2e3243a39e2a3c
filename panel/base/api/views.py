"""What every view of the API shares: strict bodies, JSON only, ETags, remembered POSTs."""

from collections.abc import Sequence
from typing import Any, ClassVar

from django.db import models
from rest_framework.exceptions import APIException
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from panel.base.api import etags, idempotency, throttling
from panel.base.api.parsing import JsonOnly, ObjectParser
from panel.base.api.permissions import HasScope, token_of, user_of
from panel.base.api.schema import TegamiSchema
from panel.base.models import Change


class Api(APIView):
    """`resource` is the name that scopes use; `remembers` is off where an answer must never be kept."""

    resource: ClassVar[str] = ""
    remembers: ClassVar[bool] = True
    only_reads: ClassVar[bool] = False  # its POST asks and changes nothing: the scope `read` is enough
    untagged: ClassVar[tuple[str, ...]] = ()  # actions whose answer is no single object with an ETag
    cache_control: ClassVar[str] = "private, no-cache"  # ask again each time, by ETag
    parser_classes: Sequence[type[BaseParser]] = [ObjectParser]
    content_negotiation_class = JsonOnly
    permission_classes: Sequence[Any] = [HasScope]
    metadata_class = None  # OPTIONS tells nothing; the OpenAPI document does
    schema = TegamiSchema()

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """After the checks: a POST with an `Idempotency-Key` goes through the memory of answers."""
        super().initial(request, *args, **kwargs)
        if request.method == "POST" and self.remembers and (handler := getattr(self, "post", None)):
            self.__dict__["post"] = idempotency.guarded(request, handler)

    def perform_authentication(self, request: Request) -> None:
        """Who asks; and every request counts, guesses at tokens too."""
        try:
            user, token = user_of(request), token_of(request)
        except APIException:
            throttling.count(request, None, None)
            raise
        throttling.count(request, user, token)

    def get_authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="Tegami"'

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        response.setdefault("Cache-Control", self.cache_control)
        return super().finalize_response(request, response, *args, **kwargs)

    def answer(self, row: models.Model, shown: Any, *, change: Change | None = None, status: int = 200, location: str = "") -> Response:
        """The object with its ETag, and the id of the change that is on its way to the mail servers."""
        headers = {"ETag": etags.tag(row, shown), **change_header(change)}
        if location:
            headers["Location"] = location
        return Response(shown, status=status, headers=headers)

    def shown_unless_known(self, request: Request, row: models.Model, shown: Any) -> Response:
        """GET of one object: 304 where the client has this very answer."""
        response = self.answer(row, shown)
        if etags.is_known(request, response["ETag"]):
            return Response(status=304, headers={"ETag": response["ETag"]})
        return response


def change_header(change: Change | None) -> dict[str, str]:
    return {"Change-Id": str(change.pk)} if change else {}
