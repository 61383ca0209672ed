"""The outbox: a fact is written in the transaction that made it true, and told to subscribers afterwards."""

from zaffre.server.events.service import TOPIC, Subscriber, append, backlog, envelope, next_retry, relay

__all__ = ["TOPIC", "Subscriber", "append", "backlog", "envelope", "next_retry", "relay"]
