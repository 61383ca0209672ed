"""Conversions of PyTorch models, where PyTorch is installed: `pip install torch onnxscript` beside the tests (700 MB, so no test asks for it)."""

import io

import pytest

torch = pytest.importorskip("torch")


def network():
    torch.manual_seed(0)
    layers = (torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 3), torch.nn.Softmax(dim=1))
    return torch.nn.Sequential(*layers).eval()


def pickled(model, target):
    torch.save(model, target)


def traced(model, target):
    torch.jit.save(torch.jit.trace(model, torch.zeros(2, 4)), target)


def exported(model, target):
    rows = {0: torch.export.Dim("rows")}
    torch.export.save(torch.export.export(model, (torch.zeros(2, 4),), dynamic_shapes=(rows,)), target)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("file", "write"), [("net.pt", pickled), ("net.pt", traced), ("net.pt2", exported)])
def test_every_form_of_a_network_is_converted(desk, file, write):
    target = io.BytesIO()
    write(network(), target)
    desk.register({file: target.getvalue()}, "net")
    rows = desk.house.tree({"rows.csv": b"5.1,3.5,1.4,0.2\n6,3,5,2\n"})
    done = desk.wait(desk.ask(name="net", sample=f"{rows}/rows.csv"), timeout_s=200)
    assert done["state"] == "Succeeded", done
    assert done["result"]["framework"] == "torch"
    assert done["result"]["largest_difference"] < 1e-6
