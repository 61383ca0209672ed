"""LitServe with dynamic batching, as its documentation shows for throughput."""

import os
import sys

import joblib
import litserve
import numpy as np


class Scorer(litserve.LitAPI):
    def setup(self, device):
        self.model = joblib.load(os.environ["MODEL_FILE"])

    def decode_request(self, request):
        return request["data"][0]

    def batch(self, inputs):
        return np.array(inputs)

    def predict(self, rows):
        return self.model.predict_proba(rows)

    def unbatch(self, output):
        return list(output)

    def encode_response(self, output):
        return [output.tolist()]


if __name__ == "__main__":
    scorer = Scorer(max_batch_size=32, batch_timeout=0.01)
    server = litserve.LitServer(scorer, accelerator="cpu", workers_per_device=1, fast_queue=True)
    server.run(
        host="127.0.0.1",
        port=int(sys.argv[1]),
        num_api_servers=1,
        log_level="warning",
        access_log=False,
        generate_client_file=False,
    )
