import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zaffre.core import errors
from zaffre.server.environments import locks

TEXTS = st.text(max_size=20)
CONDA = st.builds(
    locks.CondaPackage, name=TEXTS, version=TEXTS, build=TEXTS, build_number=st.integers(0, 9), subdir=TEXTS, url=TEXTS, sha256=TEXTS,
    noarch=TEXTS, depends=st.lists(TEXTS, max_size=2).map(tuple), site_packages=TEXTS,
)  # fmt: skip
LOCKS = st.builds(
    locks.Lock, python=TEXTS, platform=TEXTS, requirements=TEXTS, definition=TEXTS, options=st.lists(TEXTS, max_size=3).map(tuple),
    conda=st.lists(CONDA, max_size=2).map(tuple), notes=st.lists(TEXTS, max_size=3).map(tuple), image=st.none() | TEXTS, stand_in=st.none() | TEXTS, source=st.none() | TEXTS,
)  # fmt: skip


@given(LOCKS)
def test_a_lock_is_its_json(lock):
    again = locks.Lock.from_json(lock.to_json())
    assert again == lock
    assert again.digest == lock.digest


@given(LOCKS, LOCKS)
def test_digests_are_equal_when_and_only_when_locks_are(one, other):
    assert (one.digest == other.digest) == (one == other)


def test_another_format_is_refused():
    lock = locks.Lock("3.11.2", "linux-x86_64", "", "d")
    content = json.loads(lock.to_json()) | {"format": 99}
    with pytest.raises(errors.Invalid):
        locks.Lock.from_json(json.dumps(content))


def test_packages_are_read_from_both_parts():
    text = 'six==1.17.0 \\\n    --hash=sha256:ab\nray[serve]==2.1 ; sys_platform == "linux" \\\n    --hash=sha256:cd\nMy.Own @ https://h/x.whl \\\n    --hash=sha256:ef\n'
    package = locks.CondaPackage("python", "3.10.4", "h1_0", 0, "linux-64", "https://h/p.conda", "00")
    lock = locks.Lock("3.10.4", "linux-x86_64", text, "d", conda=(package,))
    assert lock.packages() == {"python": "3.10.4", "six": "1.17.0", "ray": "2.1", "my-own": ""}
    assert lock.minor == "3.10"
