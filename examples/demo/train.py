"""Trains a linear and a boosted model on the breast cancer data set that ships inside scikit-learn."""

from pathlib import Path

import joblib
import numpy as np
from sklearn import datasets, ensemble, linear_model, model_selection, pipeline, preprocessing


def train(folder: Path) -> tuple[np.ndarray, dict[str, np.ndarray], dict[str, float]]:
    """Write both models below `folder`; returns unseen rows, each model's probabilities for them, and its accuracy."""
    features, benign = datasets.load_breast_cancer(return_X_y=True)
    seen, unseen, seen_label, unseen_label = model_selection.train_test_split(
        features, benign, random_state=0
    )
    models = {
        "linear": pipeline.make_pipeline(preprocessing.StandardScaler(), linear_model.LogisticRegression()),
        "boosted": ensemble.GradientBoostingClassifier(random_state=0),
    }
    probabilities, scores = {}, {}
    for name, model in models.items():
        model.fit(seen, seen_label)
        (folder / name).mkdir(parents=True, exist_ok=True)
        joblib.dump(model, folder / name / "model.joblib")
        probabilities[name] = model.predict_proba(unseen)[:, 1]
        scores[name] = float(model.score(unseen, unseen_label))
    return unseen, probabilities, scores
