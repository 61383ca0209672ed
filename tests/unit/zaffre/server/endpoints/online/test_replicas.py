"""What a replica's process is started with."""

from zaffre.contracts import online_deployment as contract
from zaffre.server.endpoints.online import replicas


def test_a_process_that_waits_for_a_debugger_is_not_ready_before_it_answers_and_may_be_silent_for_ever():
    plain = {
        "name": "blue",
        "endpoint_name": "churn",
        "model": "azureml:churn:1",
        "instance_type": "Standard_DS3_v2",
    }
    usual = replicas.liveness(contract.ManagedOnlineDeployment(**plain))
    waiting = replicas.liveness(contract.ManagedOnlineDeployment(**plain, zaffre={"debugger_port": 5678}))
    assert usual.failure_threshold == 30
    assert waiting.failure_threshold * waiting.period_s > 10**9
