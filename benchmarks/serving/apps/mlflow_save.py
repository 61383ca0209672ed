"""Saves the joblib file as an MLflow model; runs in MLflow's own environment. Usage: mlflow_save.py FILE FOLDER INPUTS [COLUMN ...]"""

import json
import sys
from pathlib import Path

import joblib
import mlflow.sklearn
import numpy as np
import pandas as pd
from mlflow.models import infer_signature

file, folder, inputs, *columns = sys.argv[1:]
model = joblib.load(file)
rows = np.array(json.loads(Path(inputs).read_text(encoding="utf-8")))
given = pd.DataFrame(rows, columns=columns) if columns else rows
mlflow.sklearn.save_model(
    model,
    folder,
    signature=infer_signature(given, model.predict_proba(rows)),
    pyfunc_predict_fn="predict_proba",
    serialization_format="pickle",
    pip_requirements=["scikit-learn"],
)
