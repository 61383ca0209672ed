import pytest

MODELS = "/workspaces/default/models"


@pytest.fixture
def path(plant):
    return plant({"m.bin": b"weights"}) + "/m.bin"


@pytest.fixture
def create(client, path, name):
    def register(**body):
        return client.post(f"{MODELS}/{name}/versions", json={"path": path, **body})

    return register


def test_a_post_counts_up_and_a_put_is_idempotent(client, create, name, path, plant):
    assert [create().json()["version"], create().json()["version"]] == ["1", "2"]
    place = f"{MODELS}/{name}/versions/7"
    assert client.put(place, json={"path": path}).status_code == 201
    assert client.put(place, json={"path": path}).status_code == 200
    other = plant({"o": b"other"}) + "/o"
    assert client.put(place, json={"path": other}).status_code == 409
    assert create().json()["version"] == "8"
    assert create(version="7").status_code == 200


def test_the_address_and_the_body_must_agree(client, create, name, path):
    assert create(name="another").status_code == 400
    assert client.put(f"{MODELS}/{name}/versions/1", json={"path": path, "version": "2"}).status_code == 400


@pytest.mark.parametrize("path", ["/etc/passwd", "../m", "file:///etc/passwd", "zaffre://trees/x", "C:\\m"])
def test_a_local_path_is_refused(client, name, path):
    answer = client.post(f"{MODELS}/{name}/versions", json={"path": path})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")


def test_an_unknown_key_is_refused_with_the_nearest(client, create):
    answer = create(descripton="x")
    assert answer.status_code == 400
    assert "description" in answer.text


def test_the_status_is_not_the_senders_to_give(create):
    assert (
        create(status={"created_by": "mallory", "archived": True}).json()["status"]["created_by"] == "owner"
    )


def test_search_over_http(client, create, name):
    create(tags={"team": name, "kind": "a"}), create(tags={"team": name, "kind": "b"})

    def search(*tags, **more):
        answer = client.get(MODELS, params={"tag": [f"team={name}", *tags], **more})
        return [item["version"] for item in answer.json()["items"]], answer.json()["next"]

    assert search() == (["2", "1"], None)
    assert search("kind=a") == (["1"], None)
    first, cursor = search(limit=1)
    assert (first, search(limit=1, cursor=cursor)[0]) == (["2"], ["1"])
    assert client.get(f"{MODELS}/{name}/versions").json()["items"][0]["version"] == "2"


@pytest.mark.parametrize("tag", ["team : red", "team", "=red", "team =red", "team= red"])
def test_a_tag_filter_of_the_wrong_form_shows_the_right_one(client, tag):
    answer = client.get(MODELS, params={"tag": tag})
    assert answer.status_code == 400
    assert "TagName=TagValue" in answer.json()["hint"]


def test_updates_honour_if_match(client, create, name):
    create()
    place = f"{MODELS}/{name}/versions/1"
    etag = client.get(place).headers["etag"]
    assert client.patch(place, json={"stage": "Production"}, headers={"if-match": etag}).status_code == 200
    answer = client.patch(place, json={"stage": "Archived"}, headers={"if-match": etag})
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert client.get(place).json()["stage"] == "Production"


def test_aliases_over_http(client, create, name):
    create(), create()
    place = f"{MODELS}/{name}/aliases"
    headers = {"x-zaffre-reason": "better%20numbers"}
    for version in ("1", "2"):
        client.put(f"{place}/champion", json={"version": version}, headers=headers).raise_for_status()
    assert client.get(f"{MODELS}/{name}/versions/@champion").json()["status"]["labels"] == [
        "latest",
        "champion",
    ]
    history = client.get(f"{place}/champion/history").json()["items"]
    assert [(move["previous"], move["version"], move["reason"]) for move in history] == [
        ("1", "2", "better numbers"),
        (None, "1", "better numbers"),
    ]
    assert client.delete(f"{place}/champion").status_code == 204
    assert client.get(f"{place}/champion").status_code == 404


def test_archive_restore_and_delete_over_http(client, create, name):
    create()
    assert client.patch(f"{MODELS}/{name}", json={"archived": True}).status_code == 204
    assert client.get(f"{MODELS}/{name}/versions").json()["items"] == []
    assert client.get(f"{MODELS}/{name}/versions/1").json()["status"]["archived"] is True
    client.patch(f"{MODELS}/{name}", json={"archived": False}).raise_for_status()
    assert client.get(f"{MODELS}/{name}/versions/1/users").json() == {"items": [], "next": None}
    assert client.delete(f"{MODELS}/{name}/versions/1").status_code == 204
    assert client.get(f"{MODELS}/{name}/versions/1").status_code == 404
    assert create().json()["version"] == "2"


def test_data_over_http(client, plant, name):
    place = f"/workspaces/default/data/{name}"
    address = plant({"a.csv": b"1,2"}) + "/a.csv"
    made = client.post(f"{place}/versions", json={"path": address, "type": "uri_file"})
    assert (made.status_code, made.json()["version"]) == (201, "1")
    assert client.put(f"{place}/versions/1", json={"path": address, "type": "uri_file"}).status_code == 200
    for gone in (place, f"{place}/versions/1"):
        assert client.delete(gone).status_code == 422


def test_environments_and_clones_over_http(client, name):
    place = "/workspaces/default/environments"
    made = client.post(f"{place}/{name}/versions", json={"conda_file": {"dependencies": ["python=3.11"]}})
    assert made.status_code == 201
    assert client.get(f"{place}/{name}/versions/1/lock").status_code == 404
    cloned = client.post(f"{place}/{name}-copy/clone", json={"source": f"azureml:{name}:1"})
    assert (cloned.status_code, cloned.json()["conda_file"]) == (201, {"dependencies": ["python=3.11"]})
    assert (
        client.post(
            f"{place}/{name}-copy/clone", json={"source": "azureml://registries/r/environments/e/versions/1"}
        ).status_code
        == 422
    )
