"""A scoring script as Azure ML documents it; it runs here unchanged."""

import json
import logging
import os

import joblib

model = None


def init():
    global model
    path = os.path.join(os.environ["AZUREML_MODEL_DIR"])
    model = joblib.load(os.path.join(path, os.listdir(path)[0], "model.joblib"))
    logging.info("loaded %s", type(model).__name__)


def run(raw_data):
    return model.predict_proba(json.loads(raw_data)["data"])[:, 1].tolist()
