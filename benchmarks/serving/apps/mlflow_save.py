"""Saves the joblib file as an MLflow model; runs in MLflow's own environment. Usage: mlflow_save.py FILE FOLDER INPUTS"""

import json
import sys
from pathlib import Path

import joblib
import mlflow.sklearn
import numpy as np
from mlflow.models import infer_signature

file, folder, inputs = sys.argv[1:]
model = joblib.load(file)
rows = np.array(json.loads(Path(inputs).read_text(encoding="utf-8")))
mlflow.sklearn.save_model(
    model,
    folder,
    signature=infer_signature(rows, model.predict_proba(rows)),
    pyfunc_predict_fn="predict_proba",
    serialization_format="pickle",
    pip_requirements=["scikit-learn"],
)
