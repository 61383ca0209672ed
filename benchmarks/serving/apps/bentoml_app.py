"""BentoML with adaptive batching; access log and metrics off."""

import os

import bentoml
import joblib
import numpy as np


@bentoml.service(
    workers=1,
    traffic={"max_concurrency": 1000},
    logging={"access": {"enabled": False}},
    metrics={"enabled": False},
)
class Scorer:
    def __init__(self) -> None:
        self.model = joblib.load(os.environ["MODEL_FILE"])

    @bentoml.api(batchable=True, batch_dim=0, max_batch_size=32, max_latency_ms=1000)
    def score(self, data: np.ndarray) -> np.ndarray:
        return self.model.predict_proba(data)
