"""The life of deployments: real processes, a real router, every answer checked."""


def test_from_nothing_to_an_answer_and_away_again(desk, house):
    assert desk.endpoint()["state"] == "Succeeded"
    done = desk.deploy(desk.deployment(), all_traffic=True)
    assert done["state"] == "Succeeded", done
    answer = desk.call()
    assert (answer.status_code, answer.json()["word"], answer.json()["model"]) == (200, "hello", "weights 1")
    shown = desk.show()
    assert answer.headers["azureml-model-deployment"] == "blue"
    assert answer.headers["x-zaffre-revision"] == shown.status.revision
    assert (shown.provisioning_state, shown.service_state, shown.status.traffic) == (
        "Succeeded",
        "Healthy",
        100,
    )
    assert shown.model == "azureml:churn:1"
