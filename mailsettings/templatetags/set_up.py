"""Values that are read off a page and typed elsewhere."""

import re
from typing import Any

from django import template
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

register = template.Library()


@register.filter
def breakable(value: Any) -> SafeString:
    """An address or a host name that wraps before “@” or “%” rather than anywhere. Escaped."""
    return format_html_join("", "{}<wbr>", ((part,) for part in re.split(r"(?=[@%])", str(value))))
