"""Routes of data assets."""

from zaffre.server.api import versions
from zaffre.server.registry.data import service

router = versions.Face(service.NOUN, service.register, service.document).router()
