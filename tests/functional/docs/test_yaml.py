"""What the pages show as parts of a deployment's or an endpoint's file is taken as it stands there."""

import re
from pathlib import Path

import pytest
import yaml

from zaffre.contracts import files

PAGES = Path(__file__).parents[3] / "docs"
DEPLOYMENT = {
    "name": "blue",
    "endpoint_name": "churn",
    "model": "azureml:churn:1",
    "environment": "azureml:churn:1",
    "instance_type": "Standard_DS3_v2",
}


def shown():
    for page in sorted(PAGES.glob("*.md")):
        for number, text in enumerate(re.findall(r"```yaml\n(.*?)```", page.read_text(), re.DOTALL)):
            if "scrape_configs" not in text:
                yield pytest.param(text.replace("rules: [...]", ""), id=f"{page.stem}-{number}")


@pytest.mark.parametrize("text", list(shown()))
def test_what_a_page_shows_is_taken(text, tmp_path):
    part = yaml.safe_load(text)
    whole, kind = (
        (part, "online-endpoint") if "auth_mode" in part else (DEPLOYMENT | part, "online-deployment")
    )
    file = tmp_path / "file.yml"
    file.write_text(yaml.safe_dump(whole, sort_keys=False))
    assert files.load_yaml(file, kind).name == whole["name"]
