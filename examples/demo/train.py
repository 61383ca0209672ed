"""Trains a linear and a boosted model on the diabetes data set that ships inside scikit-learn."""

from pathlib import Path

import joblib
import numpy as np
from sklearn import datasets, ensemble, linear_model, metrics, model_selection


def train(folder: Path) -> tuple[np.ndarray, dict[str, np.ndarray], dict[str, float]]:
    """Write both models below `folder`; returns unseen rows, each model's predictions of them, and each R²."""
    features, target = datasets.load_diabetes(return_X_y=True)
    seen, unseen, seen_target, unseen_target = model_selection.train_test_split(
        features, target, random_state=0
    )
    models = {
        "linear": linear_model.Ridge(alpha=0.1),
        "boosted": ensemble.GradientBoostingRegressor(random_state=0, n_estimators=80),
    }
    predictions, scores = {}, {}
    for name, model in models.items():
        model.fit(seen, seen_target)
        (folder / name).mkdir(parents=True, exist_ok=True)
        joblib.dump(model, folder / name / "model.joblib")
        predictions[name] = model.predict(unseen)
        scores[name] = float(metrics.r2_score(unseen_target, predictions[name]))
    return unseen, predictions, scores
