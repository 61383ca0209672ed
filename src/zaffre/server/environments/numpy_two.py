"""Which releases on the Python index were built for NumPy 1 and do not say so: beside NumPy 2 they cannot be loaded.

Called by `solving`. Pure. conda's solver knows what each of its packages was built with, so files that give the version of
such a package and leave NumPy open solve well there, and would solve into something broken here.
"""

from collections.abc import Mapping

from packaging import version

# The first release that was built for NumPy 2; those before that matter name no upper bound themselves.
_FIRST = {
    "catboost": "1.2.8",
    "h5py": "3.11.0",
    "matplotlib": "3.8.4",
    "onnxruntime": "1.19.0",
    "onnxruntime-gpu": "1.19.0",
    "opencv-python": "4.10.0.84",
    "opencv-python-headless": "4.10.0.84",
    "pandas": "2.2.2",
    "pyarrow": "16.0.0",
    "scikit-image": "0.23.0",
    "scikit-learn": "1.4.2",
    "shap": "0.46.0",
    "statsmodels": "0.14.2",
    "torch": "2.3.0",
}
CONSTRAINT = "numpy<2"


def broken(packages: Mapping[str, str]) -> str | None:
    """The first of the packages, by normal name with version, that cannot be loaded beside the NumPy that is there."""
    if not _from("2", packages.get("numpy", "")):
        return None
    for name, first in _FIRST.items():
        held = packages.get(name)
        if held and not _from(first, held):
            return f"{name} {held}"
    return None


def _from(first: str, held: str) -> bool:
    """Whether a version is that one or later; one that cannot be read is taken for new."""
    try:
        return bool(held) and version.Version(held) >= version.Version(first)
    except version.InvalidVersion:
        return True
