"""Steps and states: a small world obeys the steps, and whatever happened to it, it converges and never drops a server."""

import dataclasses

import hypothesis
from hypothesis import strategies as st

from zaffre.server.endpoints.online import decide, facts, states

OLD, NEW = "r000000000001", "r000000000002"


def revision(name, *, replicas=None, instances=1, workers=1, failed=False):
    return facts.Revision(name, replicas or name, instances, workers, failed=failed)


def ready(slot, **changes):
    fields = {"ready": True, "ever_ready": True, "in_rotation": True, "requests": 0, **changes}
    return facts.Replica(slot, **fields)


def served(instances=1):
    old = revision(OLD, instances=instances)
    return facts.Deployment(
        wanted=old, serving=old, replicas={slot: ready(slot) for slot in old.slots()}, drain_s=10
    )


def test_a_new_deployment_builds_then_starts_then_serves():
    fresh = facts.Deployment(wanted=revision(OLD, instances=2))
    assert decide.steps(fresh) == [decide.Build(OLD)]
    assert fresh.target() is None
    assert (states.provisioning(fresh), states.service(fresh)) == ("Creating", "Transitioning")

    building = dataclasses.replace(fresh, environments={OLD: facts.Environment("building")})
    assert decide.steps(building) == []

    built = dataclasses.replace(fresh, environments={OLD: facts.Environment("ready")})
    assert decide.steps(built) == [decide.Start(slot) for slot in fresh.wanted.slots()]

    one, two = fresh.wanted.slots()
    half = dataclasses.replace(built, replicas={one: ready(one), two: facts.Replica(two)})
    assert decide.steps(half) == []
    assert half.target() is None
    whole = dataclasses.replace(built, replicas={one: ready(one), two: ready(two)})
    assert decide.steps(whole) == [decide.Promote()]
    assert whole.target() == fresh.wanted


def test_a_refused_start_fails_what_is_new_and_is_told_of_what_serves():
    ready_sets = {OLD: facts.Environment("ready"), NEW: facts.Environment("ready")}
    fresh = facts.Deployment(wanted=revision(OLD), environments=ready_sets)
    slot = fresh.wanted.slots()[0]
    never = dataclasses.replace(fresh, refused={slot: facts.Refusal("no such size.", final=True)})
    assert decide.steps(never) == [decide.Fail("Instance 0 cannot be started: no such size.")]

    soon = dataclasses.replace(fresh, refused={slot: facts.Refusal("the disk is full.", final=False)})
    assert decide.steps(soon) == []
    assert states.progress(soon)[1] == "Instance 0 cannot be started yet: the disk is full."
    due = dataclasses.replace(
        fresh, refused={slot: facts.Refusal("the disk is full.", final=False, due=True)}
    )
    assert decide.steps(due) == [decide.Start(slot)]

    fallen = dataclasses.replace(served(), replicas={}, environments=ready_sets)
    said = dataclasses.replace(fallen, refused={slot: facts.Refusal("no such size.", final=True)})
    assert decide.steps(said) == []
    assert states.reason(said) == ("Instance 0 cannot be started: no such size.", ())
    assert (states.provisioning(said), states.service(said)) == ("Succeeded", "Unhealthy")
    later = dataclasses.replace(fallen, refused={slot: facts.Refusal("x", final=True, due=True)})
    assert decide.steps(later) == [decide.Start(slot)]


def test_nothing_is_done_when_all_is_well():
    assert decide.steps(served(3)) == []
    assert (states.provisioning(served()), states.service(served())) == ("Succeeded", "Healthy")
    assert states.reason(served()) == ("", ())


def test_the_old_revision_serves_until_all_of_the_new_one_is_ready_then_drains():
    new = revision(NEW)
    both = dataclasses.replace(
        served(), wanted=new, environments={NEW: facts.Environment("ready"), OLD: facts.Environment("ready")}
    )
    assert decide.steps(both) == [decide.Start(new.slots()[0])]
    assert both.target().id == OLD
    assert states.provisioning(both) == "Updating"

    slot = new.slots()[0]
    after = dataclasses.replace(both, replicas={**both.replicas, slot: ready(slot)})
    assert (decide.steps(after), after.target().id) == ([decide.Promote()], NEW)

    promoted = dataclasses.replace(after, serving=new)
    old_slot = served().wanted.slots()[0]
    assert decide.hosts(promoted)[OLD] == {old_slot: True}
    assert decide.steps(promoted) == []  # the router still sends to it
    busy = ready(old_slot, in_rotation=False, requests=1)
    assert decide.steps(dataclasses.replace(promoted, replicas={slot: ready(slot), old_slot: busy})) == []
    late = dataclasses.replace(busy, drained_for_s=11)
    assert decide.steps(dataclasses.replace(promoted, replicas={slot: ready(slot), old_slot: late})) == [
        decide.Stop(old_slot)
    ]
    idle = dataclasses.replace(busy, requests=0)
    drained = dataclasses.replace(promoted, replicas={slot: ready(slot), old_slot: idle})
    assert decide.steps(drained) == [decide.Stop(old_slot)]
    assert decide.steps(dataclasses.replace(drained, router_known=False)) == []
    ended = dataclasses.replace(idle, alive=False)
    assert decide.steps(dataclasses.replace(promoted, replicas={slot: ready(slot), old_slot: ended})) == [
        decide.Remove(old_slot)
    ]


def test_a_failure_of_the_new_one_leaves_the_old_one_alone():
    new = revision(NEW)
    slot = new.slots()[0]
    dead = facts.Replica(slot, alive=False, failed=True, reason="exited with code 3", last_lines=("Boom",))
    trying = dataclasses.replace(served(), wanted=new, environments={NEW: facts.Environment("ready")})
    broken = dataclasses.replace(trying, replicas={**trying.replicas, slot: dead})
    (failure,) = decide.steps(broken)
    assert "exited with code 3" in failure.reason
    assert failure.last_lines == ("Boom",)

    failed = dataclasses.replace(broken, wanted=dataclasses.replace(new, failed=True))
    assert decide.steps(failed) == []  # its output stays to be read
    assert failed.target().id == OLD
    assert (states.provisioning(failed), states.service(failed)) == ("Failed", "Healthy")

    looping = facts.Replica(slot, restarts=decide.MOST_FAILED_STARTS, reason="killed by signal 11")
    assert isinstance(decide.steps(dataclasses.replace(trying, replicas={slot: looping}))[0], decide.Fail)
    unbuilt = dataclasses.replace(trying, environments={NEW: facts.Environment("failed", "no such package")})
    assert decide.steps(unbuilt) == [decide.Fail("no such package")]


def test_what_served_once_is_started_again_and_never_fails_the_deployment():
    slot = served().wanted.slots()[0]
    gone = facts.Replica(slot, alive=False, ever_ready=True)
    lost = dataclasses.replace(
        served(), replicas={slot: gone}, environments={OLD: facts.Environment("ready")}
    )
    assert decide.steps(lost) == [decide.Start(slot)]
    crashing = facts.Replica(slot, restarts=9, reason="killed by signal 9", last_lines=("Boom",))
    sick = dataclasses.replace(served(), replicas={slot: crashing})
    assert decide.steps(sick) == []
    assert states.service(sick) == "Unhealthy"
    assert states.reason(sick) == ("Instance 0: killed by signal 9.", ("Boom",))
    assert decide.hosts(sick) == {OLD: {slot: False}}  # the router goes on trying


def test_no_room_means_unschedulable_and_touches_nothing_that_serves():
    waiting = facts.Deployment(
        wanted=revision(OLD), no_room="It asks for 9 cores.", environments={OLD: facts.Environment("ready")}
    )
    assert decide.steps(waiting) == []
    assert states.service(waiting) == "Unschedulable"
    assert states.reason(waiting) == ("It asks for 9 cores.", ())


def test_a_deleted_deployment_drains_then_is_forgotten():
    slot = served().wanted.slots()[0]
    going = dataclasses.replace(served(), deleting=True)
    assert going.target() is None
    assert decide.steps(going) == []
    idle = ready(slot, in_rotation=False)
    assert decide.steps(dataclasses.replace(going, replicas={slot: idle})) == [decide.Stop(slot)]
    assert decide.steps(dataclasses.replace(going, replicas={})) == [decide.Forget()]
    assert states.provisioning(going) == "Deleting"


def test_service_ids_are_read_back():
    slot = facts.Slot("r0123456789ab", 2, 1)
    assert facts.Slot.parse(slot.service_id) == slot
    assert facts.Slot.parse("router") is None
    assert facts.Slot.parse("r.x.1") is None


class World:
    """Processes and a router that obey, with whatever a test breaks in between."""

    def __init__(self, deployment):
        self.deployment = deployment
        self.forgotten = False

    def turn(self):
        """One step of the reconciler, and what follows from it in the world."""
        current = self.deployment
        replicas = dict(current.replicas)
        environments = dict(current.environments)
        serving = current.serving
        for step in decide.steps(current):
            match step:
                case decide.Build(set_id):
                    environments[set_id] = facts.Environment("ready")
                case decide.Start(slot):
                    replicas[slot] = facts.Replica(slot)
                case decide.Stop(slot):
                    assert replicas[slot].requests in (None, 0), "a request was cut"
                    replicas[slot] = dataclasses.replace(replicas[slot], alive=False, ready=False)
                case decide.Remove(slot):
                    del replicas[slot]
                case decide.Promote():
                    serving = current.wanted
                case decide.Forget():
                    self.forgotten = True
        hosts = decide.hosts(current)
        for slot, replica in replicas.items():
            draining = hosts.get(slot.replicas, {}).get(slot)
            started = replica.alive and not replica.ready and slot in current.replicas
            replicas[slot] = dataclasses.replace(
                replica,
                ready=replica.ready or started,
                ever_ready=replica.ever_ready or started,
                in_rotation=draining is False and replica.alive,
                requests=None if draining is None else 0,
            )
        self.deployment = dataclasses.replace(
            current, replicas=replicas, environments=environments, serving=serving
        )


@st.composite
def situations(draw):
    """A deployment in any state in which a crash, a kill or a change of mind may have left it."""
    old = revision(OLD, instances=draw(st.integers(1, 3)), workers=draw(st.integers(1, 2)))
    same = draw(st.booleans())
    new = revision(NEW, replicas=OLD if same else NEW, instances=draw(st.integers(1, 3)), workers=old.workers)
    serving = draw(st.sampled_from([None, old, new]))
    wanted = draw(st.sampled_from([old, new])) if serving is None else new
    slots = [facts.Slot(name, i, w) for name in (OLD, NEW) for i in range(4) for w in range(2)]
    replicas = {}
    for slot in draw(st.lists(st.sampled_from(slots), unique=True)):
        alive = draw(st.booleans())
        replicas[slot] = facts.Replica(
            slot,
            alive=alive,
            ready=alive and draw(st.booleans()),
            ever_ready=True,
            in_rotation=draw(st.booleans()),
            requests=draw(st.sampled_from([None, 0, 2])),
        )
    environments = {
        name: facts.Environment(draw(st.sampled_from(["unknown", "ready"]))) for name in (OLD, NEW)
    }
    return facts.Deployment(
        wanted=wanted,
        serving=serving,
        deleting=draw(st.booleans()),
        replicas=replicas,
        environments=environments,
    )


@hypothesis.given(situations())
def test_from_anywhere_it_comes_to_rest_where_it_should(situation):
    world = World(situation)
    for _ in range(12):
        world.turn()
    rest = world.deployment
    if situation.deleting:
        assert world.forgotten
        return
    assert decide.steps(rest) == []
    assert rest.serving == rest.wanted == rest.target()
    assert set(rest.replicas) == set(rest.wanted.slots())
    assert (states.provisioning(rest), states.service(rest)) == ("Succeeded", "Healthy")
    assert decide.hosts(rest) == {rest.wanted.replicas: dict.fromkeys(rest.wanted.slots(), False)}


@hypothesis.given(situations())
def test_whoever_answers_goes_on_being_asked_until_another_does(situation):
    world = World(situation)
    for _ in range(12):
        before = world.deployment
        world.turn()
        target = before.target()
        if before.deleting or target is None or not before.is_ready(target):
            continue
        hosts = decide.hosts(before)[target.replicas]
        assert all(hosts.get(slot) is False for slot in target.slots())
        stopped = {
            step.slot for step in decide.steps(before) if isinstance(step, decide.Stop | decide.Remove)
        }
        assert not stopped & set(target.slots())
        assert world.deployment.is_ready(world.deployment.target())


@hypothesis.given(situations())
def test_states_are_always_of_the_documented_words(situation):
    assert states.provisioning(situation) in (
        "Creating",
        "Updating",
        "Scaling",
        "Succeeded",
        "Failed",
        "Deleting",
    )
    assert states.service(situation) in ("Transitioning", "Unhealthy", "Unschedulable", "Failed", "Healthy")
    fraction, line = states.progress(situation)
    assert 0 <= fraction <= 1
    assert line


def sleeping(**changes):
    """A deployment without instances, and the one process that it keeps."""
    kept = revision(OLD, instances=0)
    (slot,) = kept.slots()
    replica = facts.Replica(slot, **{"ever_ready": True, "requests": 0, **changes})
    return facts.Deployment(wanted=kept, serving=kept, replicas={slot: replica})


def test_to_zero_and_back():
    settling = sleeping(ready=True)
    slot = settling.wanted.slots()[0]
    assert decide.steps(settling) == [decide.Sleep(slot)]
    assert decide.steps(sleeping(ready=True, requests=1)) == []
    assert decide.steps(sleeping(ready=True, requests=None)) == []

    asleep = sleeping(asleep=True)
    assert decide.steps(asleep) == []
    assert decide.hosts(asleep) == {OLD: {slot: False}}
    assert (states.provisioning(asleep), states.service(asleep)) == ("Succeeded", "Healthy")
    assert states.reason(asleep) == ("", ())
    assert asleep.ready_instances(asleep.wanted) == 0
    assert asleep.target() == asleep.wanted

    awake = revision(OLD, instances=2)
    woken = dataclasses.replace(
        asleep, wanted=awake, serving=awake, environments={OLD: facts.Environment("ready")}
    )
    assert decide.steps(woken) == [decide.Start(awake.slots()[1]), decide.Wake(slot)]
    waking = facts.Replica(slot, waking=True)
    assert states.service(dataclasses.replace(woken, replicas={slot: waking})) == "Transitioning"
    assert states.service(dataclasses.replace(woken, replicas={slot: facts.Replica(slot)})) == "Unhealthy"


def test_workers_and_instances_beyond_the_one_that_sleeps_leave():
    kept = revision(OLD, instances=0, workers=2)
    before = revision(OLD, instances=2, workers=2)
    replicas = {slot: ready(slot) for slot in before.slots()}
    going = facts.Deployment(wanted=kept, serving=kept, replicas=replicas, drain_s=10)
    assert set(going.leaving()) == set(before.slots()[1:])
    assert list(decide.hosts(going)[OLD].values()) == [False, True, True, True]


def test_instances_without_room_are_not_started_and_named():
    grown = dataclasses.replace(served(), environments={OLD: facts.Environment("ready")})
    three = revision(OLD, instances=3)
    grown = dataclasses.replace(grown, wanted=three, serving=three)
    one, two, last = three.slots()
    full = dataclasses.replace(grown, unplaced={last: "It asks for 1 cores; 2 of 2 are taken."})
    assert decide.steps(full) == [decide.Start(two)]
    here = dataclasses.replace(full, replicas={one: ready(one), two: ready(two)})
    assert decide.steps(here) == []
    assert states.service(here) == "Healthy"
    assert states.reason(here) == ("Instance 2 has no room. It asks for 1 cores; 2 of 2 are taken.", ())


def test_what_processes_lack_is_noted_once():
    slot = served().wanted.slots()[0]
    assert served().notes() == {}
    noted = ready(slot, not_isolated="not isolated: why", not_limited="the cpu limit is not enforced: why")
    assert dataclasses.replace(served(), replicas={slot: noted}).notes() == {
        "isolation": "not isolated: why",
        "limits": "the cpu limit is not enforced: why",
    }


def test_whoever_looks_or_waits_is_told_why_the_router_does_not_take_a_revision():
    new = revision(NEW)
    slot = new.slots()[0]
    waiting = dataclasses.replace(served(), wanted=new, replicas={**served().replicas, slot: ready(slot)})
    blocked = waiting.knowing("The router refused its file.")
    assert states.reason(waiting) == ("", ())
    assert states.reason(blocked) == ("The router refused its file.", ())
    assert states.progress(blocked)[1] == "The router refused its file."
    assert states.reason(served().knowing("The router refused its file.")) == ("", ())
    building = dataclasses.replace(waiting, replicas=served().replicas).knowing("The router is away.")
    assert states.progress(building)[1] != "The router is away."
    leaving = dataclasses.replace(served(), deleting=True).knowing("The router is away.")
    assert (states.reason(leaving)[0], states.progress(leaving)[1]) == ("The router is away.",) * 2
