"""Long work in words."""

from django import template

from accounts import working

register = template.Library()
register.filter("job_title", working.title)
register.filter("standing", working.standing)
register.filter("file_kind", working.kind_of)
register.filter("is_over", working.is_over)
