"""`ml_client.data`: data assets."""

from typing import Any

from zaffre.contracts import data
from zaffre.core import errors
from zaffre.sdk import assets, operations


class DataOperations(assets.AssetOperations[data.Data]):
    """Operations on data assets."""

    KIND = "data"
    COLLECTION = "data"

    def create_or_update(self, data: data.Data) -> data.Data:
        """Registers the next version, or the one that is named; for a version that exists, tags, description and
        properties are updated. Raises AlreadyExists when its content is another. Without a name one is made up."""
        return self._create_or_update(data)

    def delete(self, name: str, version: str) -> None:
        """What models were made from is never deleted: always raises Unsupported."""
        raise errors.Unsupported(
            "Data assets are not deleted, because models were made from them.",
            hint="Archive the version instead.",
        )

    def import_data(self, data_import: Any, **_: Any) -> None:
        """Importing from databases comes later: always raises Unsupported."""
        raise operations.later(
            "Importing data from a database or file system", "Register a local path instead."
        )

    def mount(self, path: str, **_: Any) -> None:
        """Mounting comes later: always raises Unsupported."""
        raise operations.later("Mounting data", "Download it instead: `ml_client.data.download(...)`.")

    def list_materialization_status(self, name: str, **_: Any) -> None:
        """As `import_data`: always raises Unsupported."""
        raise operations.later(
            "Importing data from a database or file system", "Register a local path instead."
        )
