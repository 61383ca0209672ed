"""No-code serving: finds the loader that fits the files below the model folder, and says what is there when none does.

One module per engine; each imports the user's library only when it loads. Called by `__main__` when there is no script.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Iterator, List, NamedTuple, Tuple

from zaffre_runtime.scoring import batching, config, errors, inference_routes
from zaffre_runtime.scoring.loaders import mlflow, onnx, sklearn, tensorflow

DEEPEST = 4
SHOWN = 40

NoCode = batching.Batched


class Loader(NamedTuple):
    """`patterns` name the file that proves the format; `folder` loaders get the folder around it."""

    format: str
    patterns: Tuple[str, ...]
    folder: bool
    load: Callable[[Path], Any]


LOADERS = (
    Loader("MLflow", ("MLmodel",), True, mlflow.load),
    Loader("TensorFlow SavedModel", ("saved_model.pb", "saved_model.pbtxt"), True, tensorflow.load),
    Loader("ONNX", ("*.onnx",), False, onnx.load),
    Loader("scikit-learn", ("*.skops", "*.joblib", "*.pkl", "*.pickle"), False, sklearn.load),
)


def load(settings: config.Config) -> NoCode:
    """The deployed model behind a batching scorer; `ConfigurationError` when it cannot be served without a script."""
    if settings.model_kind.lower().startswith("triton"):
        raise errors.ConfigurationError(
            "a Triton model needs a container: deploy it with an image that holds Triton."
        )
    if len(settings.models) > 1:
        raise errors.ConfigurationError(
            f"this deployment has {len(settings.models)} models; several models need a scoring script that says how"
            " they answer together: give code_configuration with `code` and `scoring_script`."
        )
    folder = _model_folder(settings)
    loader, path = _choose(folder, settings.model_kind)
    name, version = inference_routes.model_name(settings)
    platform = loader.load.__module__.rpartition(".")[2]
    scorer = batching.Batched(
        loader.load(path), settings.max_batch, name=name, version=version, platform=platform
    )
    scorer.warm_up()
    return scorer


def _model_folder(settings: config.Config) -> Path:
    if settings.model_dir is None:
        raise errors.ConfigurationError("there is neither a scoring script nor a model to serve.")
    folder = Path(settings.model_dir)
    if not folder.is_dir():
        raise errors.ConfigurationError(f"the model folder {folder} does not exist.")
    return folder


def _choose(folder: Path, model_kind: str) -> Tuple[Loader, Path]:
    files = list(_files(folder, 0))
    for loader in LOADERS:
        found = _shallowest(
            [path for path in files if any(path.match(pattern) for pattern in loader.patterns)]
        )
        if len(found) > 1:
            names = ", ".join(str(path.relative_to(folder)) for path in found)
            raise errors.ConfigurationError(
                f"several {loader.format} models are there ({names}); register one of them, or give a scoring script."
            )
        if found:
            return loader, found[0].parent if loader.folder else found[0]
        if loader.format == "MLflow" and model_kind.lower() == "mlflow_model":
            raise errors.ConfigurationError(f"an MLflow model has a file MLmodel; {_listing(folder, files)}.")
    known = ", ".join(f"{loader.format} ({', '.join(loader.patterns)})" for loader in LOADERS)
    raise errors.ConfigurationError(
        f"no scoring script is given and no model format is recognised: {_listing(folder, files)}."
        f" Served without a script: {known}."
    )


def _files(folder: Path, depth: int) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.is_file():
            yield path
        elif path.is_dir() and depth < DEEPEST:
            yield from _files(path, depth + 1)


def _shallowest(found: List[Path]) -> List[Path]:
    """A file deeper down belongs to the model above it."""
    least = min((len(path.parts) for path in found), default=0)
    return [path for path in found if len(path.parts) == least]


def _listing(folder: Path, files: List[Path]) -> str:
    if not files:
        return f"the model folder {folder} is empty"
    names = [str(path.relative_to(folder)) for path in files[:SHOWN]]
    more = f" and {len(files) - SHOWN} more" if len(files) > SHOWN else ""
    return f"the model folder holds {', '.join(names)}{more}"
