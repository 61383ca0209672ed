"""The catalogue of events and the small records that cross HTTP."""

import datetime as dt

import pydantic
import pytest

from zaffre.contracts import audit, envelopes, events, operations, pages
from zaffre.contracts.model import Model
from zaffre.core import errors

NOW = dt.datetime(2026, 11, 20, 8, 15, 30, tzinfo=dt.UTC)


def test_every_asset_kind_has_every_event() -> None:
    for kind in ("Model", "Data", "Environment"):
        for what in ("Registered", "Updated", "Archived", "Restored", "Deleted"):
            assert f"{kind}{what}" in events.CATALOGUE


def test_the_catalogue_speaks_in_the_past_tense_and_holds_no_secret() -> None:
    for name, kind in events.CATALOGUE.items():
        assert kind.type_name() == name
        assert name.endswith(("ed", "Ready"))
        assert not {"token", "secret", "password", "value"} & set(kind.model_fields)


def test_an_event_is_read_from_what_was_stored() -> None:
    event = events.TrafficChanged(endpoint="churn", traffic={"blue": 100}, previous={"green": 100})
    stored = event.model_dump(mode="json")
    assert envelopes.from_data("TrafficChanged", stored) == event
    assert envelopes.from_data("TrafficChanged", {**stored, "newer": 1}) == event
    with pytest.raises(errors.Invalid, match="not in the catalogue"):
        envelopes.from_data("ModelSold", {})


def test_an_event_cannot_be_changed_or_misspelt() -> None:
    event = events.ModelDeleted(name="churn", version="3")
    with pytest.raises(pydantic.ValidationError):
        event.name = "other"
    with pytest.raises(pydantic.ValidationError):
        events.ModelDeleted(name="churn", versio="3")


def test_an_envelope_crosses_the_wire() -> None:
    envelope = envelopes.Envelope(
        id="1", time=NOW, type="ModelDeleted", workspace="w", subject="models/churn:3", actor="ann", data={"name": "churn"}
    )  # fmt: skip
    body = envelope.model_dump(mode="json")
    assert body["time"] == "2026-11-20T08:15:30.000000Z"
    assert envelopes.Envelope.model_validate(body) == envelope
    assert envelope.event() == events.ModelDeleted(name="churn")


def test_an_operation_says_whether_it_is_over() -> None:
    operation = operations.Operation(
        id="o1", kind="deployment", progress={"fraction": 0.5, "message": "building"}
    )
    assert not operation.done
    assert operations.Operation(id="o1", kind="x", state="Canceled").done
    with pytest.raises(pydantic.ValidationError):
        operations.Operation(id="o1", kind="x", progress={"fraction": 1.5})


def test_a_page_holds_entities() -> None:
    page = pages.Page[Model](items=[Model(name="churn")], next="c")
    assert pages.Page[Model].model_validate(page.model_dump()).items[0].name == "churn"


def test_times_are_utc_text_of_one_length() -> None:
    record = audit.AuditRecord(
        id="1", time="2026-11-20T09:15:30+01:00", actor="a", action="ModelDeleted", subject="models/m:1"
    )
    assert record.model_dump(mode="json")["time"] == "2026-11-20T08:15:30.000000Z"
