"""A scoring script as Azure ML users write them, for azureml-inference-server-http."""

import json
import os
from pathlib import Path

import joblib
import numpy as np


def init():
    global model  # noqa: PLW0603 - the documented form of a scoring script
    model = joblib.load(Path(os.environ["AZUREML_MODEL_DIR"]) / "model.joblib")


def run(raw_data):
    rows = np.array(json.loads(raw_data)["data"])
    return model.predict_proba(rows).tolist()
