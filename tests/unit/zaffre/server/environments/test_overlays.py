import pytest

from zaffre.server.environments import overlays

PINS = [
    'exact==2.8.7; python_version >= "3.10"',
    'exact==2.5.7; python_version < "3.10"',
    "httptools==0.9.0",
    'msgspec==0.22.0; python_version >= "3.10"',
]


@pytest.mark.parametrize(
    ("packages", "python", "named"),
    [
        ({"six": "1.17.0"}, "3.11.2", []),
        ({"exact": "2.8.7", "httptools": "0.9.0", "msgspec": "0.22.0"}, "3.11.2", []),
        ({"msgspec": "0.19.0"}, "3.11.2", []),
        ({"msgspec": "0.9.0"}, "3.11.2", ["msgspec 0.9.0"]),
        ({"httptools": "0.7.1"}, "3.11.2", []),
        ({"httptools": "0.2.0"}, "3.11.2", ["httptools 0.2.0"]),
        ({"exact": "1.0.0"}, "3.11.2", ["exact 1.0.0"]),
        ({"exact": "2.5.7"}, "3.9.18", []),
        ({"exact": "2.5.7"}, "3.10.1", ["exact 2.5.7"]),
        ({"zaffre": "0.1.0"}, "3.11.2", ["zaffre"]),
    ],
)
def test_what_would_shadow_the_runtime_is_named(packages, python, named):
    found = overlays.conflicts(packages, PINS, python=python)
    assert len(found) == len(named)
    assert all(name in sentence for name, sentence in zip(named, found, strict=True))
