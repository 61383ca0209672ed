"""Room on the machine: nobody gets more than there is, and nobody waits for those who came later."""

import dataclasses
import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zaffre.core import errors
from zaffre.server.endpoints.online import claims, devices, facts, placing, quantities

MACHINE = quantities.Amount(4, 8, 2)


def at(second):
    return dt.datetime(2026, 11, 20, tzinfo=dt.UTC) + dt.timedelta(seconds=second)


def amount(cores=0.0, memory=0, gpus=0):
    return quantities.Amount(cores, memory, gpus)


def holds(name, second, what):
    return placing.Claim(("w", "e", name), held=((at(second), what),))


def wants(name, second, *whats):
    units = tuple(placing.Unit(number, at(second), what) for number, what in enumerate(whats))
    return placing.Claim(("w", "e", name), wants=units)


def granted(found, name):
    return set(found["w", "e", name].granted)


def test_first_come_first_served_and_who_fits_does_not_wait_behind_who_does_not():
    found = placing.place(
        [holds("a", 0, amount(3)), wants("b", 1, amount(2)), wants("c", 2, amount(1))], MACHINE
    )
    assert (granted(found, "b"), granted(found, "c")) == (set(), {0})
    assert found["w", "e", "b"].why == "It asks for 2 cores; 3 of 4 are taken."


def test_nobody_who_came_later_takes_what_an_earlier_one_will_need():
    running = [holds("a", 0, amount(3)), holds("later", 5, amount(0.5))]
    found = placing.place([*running, wants("big", 1, amount(3)), wants("new", 6, amount(0.5))], MACHINE)
    assert granted(found, "new") == {0}  # 3 and a half and a half still fit, when a is gone
    found = placing.place([*running, wants("big", 1, amount(3.5)), wants("new", 6, amount(0.25))], MACHINE)
    assert granted(found, "new") == set()
    assert found["w", "e", "new"].why == (
        "endpoints/e/deployments/big asked for room before it and still waits for it."
    )
    found = placing.place(
        [*running, wants("big", 1, amount(3.5)), wants("new", 6, amount(memory=2))], MACHINE
    )
    assert granted(found, "new") == {0}  # it takes nothing that big waits for


def test_what_can_never_fit_holds_up_nobody():
    found = placing.place([wants("huge", 0, amount(9)), wants("b", 1, amount(4))], MACHINE)
    assert (granted(found, "huge"), granted(found, "b")) == (set(), {0})


amounts = st.builds(amount, st.integers(0, 5).map(float), st.integers(0, 9), st.integers(0, 3))


@st.composite
def crowds(draw):
    found = []
    for number in range(draw(st.integers(1, 7))):
        second = draw(st.integers(0, 5))
        units = draw(st.lists(amounts, min_size=1, max_size=3))
        found.append(wants(f"d{number}", second, *units))
    return found


@given(crowds())
def test_never_more_than_there_is(crowd):
    found = placing.place(crowd, MACHINE)
    given = [
        unit.amount for claim in crowd for unit in claim.wants if unit.number in found[claim.key].granted
    ]
    assert quantities.no_room(quantities.Amount(), quantities.total(given), MACHINE) == ""
    total = quantities.total(given)
    assert (total.cpu_cores, total.memory_bytes, total.gpus) <= (4, 8, 99)
    assert total.memory_bytes <= 8
    assert total.gpus <= 2
    for claim in crowd:
        assert bool(found[claim.key].why) == (len(found[claim.key].granted) < len(claim.wants))


@given(st.lists(amounts, min_size=2, max_size=9), st.randoms(use_true_random=False))
def test_nobody_starves(sizes, chance):
    """One comes each second; some of those that run leave. Whoever fits at all runs, once all who came before are gone."""
    sizes = [size for size in sizes if not quantities.no_room(size, quantities.Amount(), MACHINE)]
    running, waiting = {}, {}
    for second, size in enumerate(sizes):
        waiting[second] = size
        if running and chance.random() < 0.3:
            running.pop(chance.choice(list(running)))
        for number, placement in _place(running, waiting).items():
            if placement.granted and number in waiting:
                running[number] = waiting.pop(number)
    for number in list(waiting):
        later = {other: size for other, size in running.items() if other > number}
        alone = _place(later, {number: waiting[number]})
        assert alone[number].granted == {0}


def _place(running, waiting):
    crowd = [holds(str(number), number, size) for number, size in running.items()]
    crowd += [wants(str(number), number, size) for number, size in waiting.items()]
    return {int(key[2]): placement for key, placement in placing.place(crowd, MACHINE).items()}


# --- what a deployment claims ---

OLD, NEW = "r000000000001", "r000000000002"
NEEDS = {
    OLD: claims.Needs(amount(1, 1, 1), at(1)),
    NEW: claims.Needs(amount(2, 1, 1), at(9)),
}


def revision(name, instances=1, replicas=None):
    return facts.Revision(name, replicas or name, instances)


def running(*slots, **changes):
    return {slot: facts.Replica(slot, **changes) for slot in slots}


def total(claim):
    return quantities.total(part for _, part in claim.held)


def claim(deployment, **scale):
    asked = claims.Scale(grew_at=at(5), **scale) if scale else None
    return claims.claim(("w", "e", "d"), deployment, NEEDS, arrived=at(9), scale=asked)


def test_a_new_revision_asks_for_all_of_its_instances_at_once():
    fresh = facts.Deployment(wanted=revision(OLD, 3))
    found = claim(fresh)
    assert found.held == ()
    assert found.wants == (placing.Unit(claims.TAKE_OVER, at(9), amount(3, 3, 3)),)
    begun = dataclasses.replace(fresh, replicas=running(fresh.wanted.slots()[0]))
    assert total(claim(begun)) == amount(3, 3, 3)  # what has begun is not interrupted by others
    assert claim(begun).wants == ()


def test_an_update_counts_cores_and_memory_once_and_gpus_twice():
    old = revision(OLD, 2)
    updating = facts.Deployment(wanted=revision(NEW, 2), serving=old, replicas=running(*old.slots()))
    found = claim(updating)
    assert total(found) == amount(2, 2, 2)
    assert found.wants == (placing.Unit(claims.TAKE_OVER, at(9), amount(2, 0, 2)),)
    both = {**running(*old.slots()), **running(*updating.wanted.slots())}
    assert total(claim(dataclasses.replace(updating, replicas=both))) == amount(4, 2, 4)
    draining = dataclasses.replace(updating, replicas=both, serving=updating.wanted)
    assert total(claim(draining)) == amount(4, 2, 4)


def test_what_serves_keeps_its_room_while_it_is_down():
    lost = facts.Deployment(wanted=revision(OLD, 2), serving=revision(OLD, 2))
    assert (total(claim(lost)), claim(lost).wants) == (amount(2, 2, 2), ())
    gone = dataclasses.replace(lost, deleting=True)
    assert (total(claim(gone)), claim(gone).wants) == (amount(), ())
    asleep = facts.Deployment(wanted=revision(OLD, 0), serving=revision(OLD, 0))
    assert total(claim(asleep, base=1)) == amount(1, 1, 1)


def test_instances_that_autoscaling_adds_come_one_by_one():
    grown = facts.Deployment(wanted=revision(OLD, 4), serving=revision(OLD, 4))
    two = dataclasses.replace(grown, replicas=running(*grown.wanted.slots()[:2]))
    found = claim(two, base=1)
    assert found.held == ((at(1), amount(1, 1, 1)), (at(5), amount(1, 1, 1)))
    assert [(unit.number, unit.amount) for unit in found.wants] == [
        (3, amount(1, 1, 1)),
        (4, amount(1, 1, 1)),
    ]
    placement = placing.place([found], quantities.Amount(3, 8, 8))[found.key]
    left = claims.unplaced(two, placement, found)
    assert left == {two.wanted.slots()[3]: "It asks for 1 cores; 3 of 3 are taken."}
    assert claims.no_room(placement, found) == ""


def test_more_instances_by_hand_ask_for_the_difference():
    more = facts.Deployment(
        wanted=revision(NEW, 3, replicas=OLD),
        serving=revision(OLD, 1),
        replicas=running(*revision(OLD).slots()),
    )
    assert claim(more).wants == (placing.Unit(claims.TAKE_OVER, at(9), amount(2, 2, 2)),)
    assert total(claim(more)) == amount(1, 1, 1)


def test_gpus_that_were_handed_out_beyond_what_was_asked_for_count():
    serving = revision(OLD)
    lucky = facts.Deployment(
        wanted=serving, serving=serving, replicas=running(*serving.slots(), devices=("0", "1"))
    )
    assert total(claim(lucky)) == amount(1, 1, 2)


# --- which GPUs ---


def slot(replicas, instance=0, worker=0):
    return facts.Slot(replicas, instance, worker)


def test_gpus_by_index_shared_by_workers_only():
    gpus = devices.Devices(["0", "1", "2"])
    assert gpus.take(slot(OLD), 2) == ("0", "1")
    assert gpus.take(slot(OLD, worker=1), 2) == ("0", "1")
    assert gpus.take(slot(NEW), 2) is None
    assert gpus.take(slot(NEW), 2, at_most=True) == ("2",)
    assert gpus.take(slot(NEW, instance=1), 0) == ()

    other = devices.Devices(["0", "1", "2"])  # the next server looks at who lives
    other.look({slot(OLD): ("0", "1"), slot(NEW): ()})
    assert other.take(slot(NEW, instance=5), 1) == ("2",)
    assert other.take(slot(OLD, instance=9), 1) is None


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.booleans()), max_size=30))
def test_no_gpu_is_ever_with_two_instances(moves):
    gpus, alive = devices.Devices([str(number) for number in range(5)]), {}
    for instance, count, ends in moves:
        gpus.look(alive)
        if ends:
            alive.pop(slot(OLD, instance), None)
            gpus.look(alive)
        elif slot(OLD, instance) not in alive:
            taken = gpus.take(slot(OLD, instance), count)
            if taken is not None:
                alive[slot(OLD, instance)] = taken
        held = [one for ids in alive.values() for one in ids]
        assert len(held) == len(set(held))


def test_what_processes_are_told():
    assert devices.variables(("0", "2")) == {"CUDA_VISIBLE_DEVICES": "0,2", "NVIDIA_VISIBLE_DEVICES": "0,2"}
    assert devices.variables(()) == {"CUDA_VISIBLE_DEVICES": "", "NVIDIA_VISIBLE_DEVICES": "void"}


def test_numbers_of_gpus():
    assert quantities.gpus("2") == 2
    for wrong in ("0.5", "-1", "two", "99999"):
        with pytest.raises(errors.Invalid):
            quantities.gpus(wrong)
