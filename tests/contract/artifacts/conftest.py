import pytest

from zaffre.testing import azurite, moto_s3


@pytest.fixture(scope="session")
def s3_server():
    with moto_s3.serve() as server:
        yield server


@pytest.fixture(scope="session")
def azure_server():
    with azurite.serve() as server:
        yield server
