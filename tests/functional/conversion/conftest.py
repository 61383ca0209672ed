"""A house with a worker of tasks, and a desk to ask it for conversions."""

import io

import joblib
import pytest

from zaffre.contracts import conversion as contract
from zaffre.server.conversion import service
from zaffre.testing import folders, online, tooling


@pytest.fixture
def home():
    with folders.short() as folder:
        yield folder


@pytest.fixture
def house(home):
    built = online.open_new(home)
    yield built
    built.database.close()


class Desk(tooling.Desk):
    """What a user asks for."""

    @property
    def means(self):
        return self.house.converting

    def model(self, fitted, name="iris"):
        target = io.BytesIO()
        joblib.dump(fitted, target)
        return self.register({"model.joblib": target.getvalue()}, name)

    def ask(self, name="iris", version="1", *, as_name=None, **asked):
        asked = {**asked, **({"name": as_name} if as_name else {})}
        with self.house.database.write() as uow:
            return service.begin(
                uow,
                online.CALLER,
                "default",
                name,
                version=version,
                asked=contract.Conversion.parse(asked),
                table=self.house.room.curated,
            )


@pytest.fixture
def desk(house):
    made = Desk(house)
    yield made
    made.stop()
    for job in made.means.runner.list():
        made.means.runner.cancel(job)
        made.means.runner.wait(job, timeout_s=120)


@pytest.fixture
def isolated_desk(home):
    made = Desk(online.open_new(home, isolation_uid=64321))
    yield made
    made.stop()
    made.house.database.close()
