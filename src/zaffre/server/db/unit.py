"""The unit of work: one transaction, and who is woken once it is durable."""

import sqlalchemy as sa


class UnitOfWork:
    """One open transaction. Stores use `connection`; services `touch` the topics that workers listen to.

    Listeners are woken after the commit, in the thread that committed, and never after a rollback.
    """

    def __init__(self, connection: sa.Connection) -> None:
        self.connection = connection
        self.topics: set[str] = set()

    def touch(self, topic: str) -> None:
        """Wake whoever listens to `topic` on the database once this transaction is durable."""
        self.topics.add(topic)
