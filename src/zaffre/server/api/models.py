"""Routes of models."""

from zaffre.server.api import versions
from zaffre.server.registry.models import service

router = versions.Face(service.NOUN, service.register, service.document, reads_files=True).router()
