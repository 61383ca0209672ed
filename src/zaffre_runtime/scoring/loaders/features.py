"""The columns that a fitted scikit-learn model takes, and which of them are text. Called by the scikit-learn loader.

scikit-learn remembers names of columns, not their types; but an encoder remembers the texts that it met.
"""

from __future__ import annotations

from typing import Any, Dict, Iterator, List, NamedTuple, Optional

from zaffre_runtime.scoring import described

ROWS = "data"
"""The name of the one input of a model that knows no names; it is not looked at."""


class Column(NamedTuple):
    """`example` is a value that the model has met, or zero."""

    name: str
    example: Any


def columns(model: Any, names: Optional[List[str]], width: Optional[int]) -> List[Column]:
    """One for each name; one without a meaning in its name for each place where there are none."""
    texts = _texts(model)
    if names is None:
        names = [f"x{index}" for index in range(width or 1)]  # as scikit-learn calls them
    return [Column(name, texts.get(name, 0.0)) for name in names]


def tensors(found: List[Column], *, named: bool, width: Optional[int]) -> List[described.Tensor]:
    """By name one tensor a column; else one of all rows."""
    if named:
        return [described.tensor(one.name, _dtype(one), [None, 1]) for one in found]
    kinds = {_dtype(one) for one in found}
    return [described.tensor(ROWS, kinds.pop() if len(kinds) == 1 else "object", [None, width])]


def _dtype(column: Column) -> str:
    return "object" if isinstance(column.example, str) else "float64"


def _texts(model: Any) -> Dict[str, str]:
    """Columns of text, each with one that was there when the model was fitted."""
    found: Dict[str, str] = {}
    for part in _parts(model):
        names = getattr(part, "feature_names_in_", None)
        if names is None:
            names = (
                [f"x{index}" for index in range(getattr(part, "n_features_in_", 0))] if part is model else ()
            )
        for step in (part, *(one[1] for one in _listed(part, "steps"))):
            known = getattr(step, "categories_", None)
            if isinstance(known, list) and len(known) == len(names):
                met = ((str(name), one[0]) for name, one in zip(names, known) if len(one))
                found.update({name: one for name, one in met if isinstance(one, str)})
                break
    return found


def _parts(model: Any) -> Iterator[Any]:
    """The model, and what a ColumnTransformer anywhere in it was fitted with."""
    yield model
    inner = model.get_params(deep=True).values() if hasattr(model, "get_params") else ()
    for part in (model, *inner):
        for one in _listed(part, "transformers_"):
            yield one[1]


def _listed(part: Any, attribute: str) -> List[Any]:
    """What is no estimator of scikit-learn may mean something else by the same word."""
    found = getattr(part, attribute, None)
    return (
        [one for one in found if isinstance(one, tuple) and len(one) > 1] if isinstance(found, list) else []
    )
