"""A scoring script that takes a picture's bytes, for ours and for azureml-inference-server-http alike."""

import zlib

from azureml.contrib.services.aml_request import rawhttp


def init():
    """There is no model: the way of the bytes is measured."""


@rawhttp
def run(request):
    picture = request.get_data()
    return [[len(picture), zlib.crc32(picture)]]
