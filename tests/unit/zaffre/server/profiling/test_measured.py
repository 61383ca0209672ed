"""Which size is recommended, when the proof of the first one fails. A toy trial, since a real load cannot be told to."""

from zaffre.server.profiling import recommending, work

ASKED = {"cpu": 1.0, "memory_in_gb": 2.0, "requests_per_second": 10.0, "latency_ms": None}


class Trial:
    """Each size has its 99th percentiles, one for each time that it is run."""

    def __init__(self, slowest_ms):
        self.slowest_ms = {cpu: list(times) for cpu, times in slowest_ms.items()}
        self.ran = []
        self.start_limit_s = 0.0

    def one_client(self, size):
        return 1.0, 1.0

    def run(self, size, rate):
        self.ran.append(size.cpu)
        return recommending.Run(
            size.cpu, size.memory_in_gb, latencies_ms=(self.slowest_ms[size.cpu].pop(0),), sent=1, seconds=1.0
        )


def measured(trial, **asked):
    return work._measured(trial, {**ASKED, **asked}, lambda *_: None)


def test_the_smallest_that_suffices_twice():
    trial = Trial({0.1: [9, 9], 0.25: [8]})
    found = measured(trial)
    assert (found["recommendedCpu"], found["zaffre"]["recommendationHolds"], "error" in found) == (
        0.1,
        True,
        False,
    )
    assert trial.ran == [0.1, 0.25, 0.1]


def test_a_size_that_does_not_do_as_well_again_makes_room_for_the_next():
    trial = Trial({0.1: [9, 30], 0.25: [8, 8], 0.5: [7]})
    found = measured(trial)
    assert (found["recommendedCpu"], found["zaffre"]["recommendationHolds"]) == (0.25, True)
    assert trial.ran == [0.1, 0.25, 0.1, 0.5, 0.25]
    assert [size["cpu"] for size in found["zaffre"]["sizes"]] == [0.1, 0.25, 0.5]


def test_the_largest_is_proved_too():
    found = measured(Trial({0.1: [90], 0.25: [80], 0.5: [20, 60], 1.0: [19, 19]}))
    assert (found["recommendedCpu"], found["zaffre"]["recommendationHolds"]) == (1.0, True)


def test_where_no_proof_holds_the_last_one_says_so():
    found = measured(Trial({0.1: [9, 30], 0.25: [9, 30], 0.5: [9, 30], 1.0: [9, 30]}), latency_ms=10)
    assert (found["recommendedCpu"], found["zaffre"]["recommendationHolds"]) == (1.0, False)
    assert "did not do as well" in found["error"]
