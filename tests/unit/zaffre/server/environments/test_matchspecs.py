import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging import specifiers

from zaffre.core import errors
from zaffre.server.environments import matchspecs


@pytest.mark.parametrize(
    ("text", "name", "version"),
    [
        ("numpy", "numpy", ""),
        ("NumPy=1.26", "numpy", "==1.26.*"),
        ("numpy==1.26", "numpy", "==1.26"),
        ("numpy=1.26.*", "numpy", "==1.26.*"),
        ("numpy = 1.26", "numpy", "==1.26.*"),
        ("numpy=1.26.4=py310h1234_0", "numpy", "==1.26.4.*"),
        ("numpy 1.26.4", "numpy", "==1.26.4"),
        ("numpy 1.26.* py310_0", "numpy", "==1.26.*"),
        ("pip>=20.1,<24", "pip", "<24,>=20.1"),
        ("pip<=23.2.1", "pip", "<=23.2.1"),
        ("python >=3.9, <3.12", "python", "<3.12,>=3.9"),
        ("scipy!=1.4", "scipy", "!=1.4"),
        ("numpy=*", "numpy", ""),
        ("conda-forge::lightgbm>=4", "lightgbm", ">=4"),
        ("conda-forge/linux-64::lightgbm=4", "lightgbm", "==4.*"),
        ("numpy[version='>=1.2,<2']", "numpy", "<2,>=1.2"),
        ("numpy=1.2|1.3", "numpy", None),
        ("numpy[build=py*]", "numpy", None),
    ],
)
def test_real_specs_in_pips_words(text, name, version):
    spec = matchspecs.parse(text, source="list")
    assert (spec.name, spec.version) == (name, version)


def test_channel_and_build_are_kept():
    spec = matchspecs.parse("conda-forge::numpy=1.26.4=py310_0", source="list")
    assert (spec.channel, spec.build) == ("conda-forge", "py310_0")


@pytest.mark.parametrize("text", ["", "=1.2", "::x", "-r file", "./local"])
def test_no_spec_is_said_to_be_none(text):
    with pytest.raises(errors.Invalid):
        matchspecs.parse(text, source="list")


@given(st.integers(0, 50), st.integers(0, 50), st.integers(0, 50))
def test_one_equals_sign_takes_every_patch_and_no_other_minor(major, minor, patch):
    version = matchspecs.parse(f"x={major}.{minor}", source="list").version
    accepted = specifiers.SpecifierSet(version)
    assert accepted.contains(f"{major}.{minor}.{patch}")
    assert not accepted.contains(f"{major}.{minor + 1}.{patch}")
