"""What converting to ONNX brings: scikit-learn models, each measured by the conversion itself, in turn with its ONNX form.

`make bench-onnx`, or `python -m benchmarks.bench_onnx --only ridge "decision tree"`.

`median_speedup_1` is the median over the models of the ratio for one row, `median_speedup_1000` for a thousand; both forms run
on one thread, and the original is called as a script would call it (`predict_proba`, or `predict` where there is none).
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import joblib
from sklearn import (
    datasets,
    decomposition,
    ensemble,
    linear_model,
    naive_bayes,
    neighbors,
    neural_network,
    pipeline,
    preprocessing,
    svm,
    tree,
)  # fmt: skip

from benchmarks import measure


def models():
    """Name and what fits the model, on data sets that come with scikit-learn."""
    cells = datasets.load_breast_cancer(return_X_y=True)
    sugar = datasets.load_diabetes(return_X_y=True)
    scaled = preprocessing.StandardScaler
    named = {
        "logistic regression": (pipeline.make_pipeline(scaled(), linear_model.LogisticRegression()), cells),
        "ridge": (linear_model.Ridge(), sugar),
        "random forest, 100 trees": (ensemble.RandomForestClassifier(random_state=0), cells),
        "gradient boosting, 100 trees": (ensemble.GradientBoostingRegressor(random_state=0), sugar),
        "histogram gradient boosting": (ensemble.HistGradientBoostingClassifier(random_state=0), cells),
        "decision tree": (tree.DecisionTreeClassifier(random_state=0), cells),
        "support vectors": (pipeline.make_pipeline(scaled(), svm.SVC()), cells),
        "neural network": (
            pipeline.make_pipeline(scaled(), neural_network.MLPClassifier(max_iter=400, random_state=0)), cells,
        ),
        "naive Bayes": (naive_bayes.GaussianNB(), cells),
        "nearest neighbours": (neighbors.KNeighborsRegressor(), sugar),
        "principal components, then linear": (
            pipeline.make_pipeline(scaled(), decomposition.PCA(5), linear_model.LinearRegression()), sugar,
        ),
        "extra trees": (ensemble.ExtraTreesRegressor(random_state=0), sugar),
    }  # fmt: skip
    return {name: lambda model=model, rows=rows: model.fit(*rows) for name, (model, rows) in named.items()}


def converted(name, fitted, folder):
    """What the tool says, run as a job runs it; None when the ONNX form is refused."""
    place = folder / name.replace(" ", "-").replace(",", "")
    (place / "model").mkdir(parents=True)
    joblib.dump(fitted, place / "model" / "model.joblib")
    asked = {"model_dir": str(place / "model"), "sample": None, "rtol": 1e-4, "atol": 1e-6, "opset": None}
    (place / "task.json").write_text(json.dumps(asked))
    told = {"ZAFFRE_TASK": str(place / "task.json"), "ZAFFRE_OUTPUTS": str(place), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "zaffre_runtime.tools.convert"]
    subprocess.run(command, env={**os.environ, **told}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    answer = json.loads((place / "result.json").read_text())
    if "error" in answer:
        measure.say(f"{name}: refused: {answer['error']['detail'][:300]}")
        return None
    measure.say(
        f"{name}: one row {answer['original_ms_1']:.3f} -> {answer['onnx_ms_1']:.3f} ms"
        f" ({answer['speedup_1']:.1f} times), 1000 rows {answer['original_ms_1000']:.2f} ->"
        f" {answer['onnx_ms_1000']:.2f} ms ({answer['speedup_1000']:.1f} times),"
        f" {answer['numbers']}, largest difference {answer['largest_difference']:.1e}"
    )
    return answer


def median_of(told, key):
    return round(statistics.median(answer[key] for answer in told.values()), 2)


def main():
    known = models()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", choices=sorted(known), default=list(known), metavar="MODEL")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = {name: converted(name, known[name](), Path(folder)) for name in wanted.only}
    told = {name: answer for name, answer in found.items() if answer}
    measure.report(
        {
            "median_speedup_1": median_of(told, "speedup_1"),
            "median_speedup_1000": median_of(told, "speedup_1000"),
            "models": len(told),
            "refused": sorted(set(found) - set(told)),
            "slower_at_1000": sorted(name for name, answer in told.items() if answer["speedup_1000"] < 1),
        }
    )


if __name__ == "__main__":
    main()
