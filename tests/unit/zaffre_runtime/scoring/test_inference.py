"""The tensors of the inference protocol: what goes round comes back, and what lies about itself is refused."""

import json
import struct

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from zaffre_runtime.scoring import config, errors, inference, inference_routes, inference_rows

NUMERIC = [dtype for dtype in inference.DATATYPES if dtype != "object"]


def numeric(dtype):
    finite = {"allow_nan": False, "allow_infinity": False} if dtype.startswith("float") else {}
    elements = arrays.from_dtype(np.dtype(dtype), **finite)
    return arrays.arrays(dtype, arrays.array_shapes(min_dims=1, max_dims=4, max_side=4), elements=elements)


ANY_ARRAY = st.sampled_from(NUMERIC).flatmap(numeric)


def texts():
    shape = arrays.array_shapes(min_dims=1, max_dims=3, max_side=3)
    return arrays.arrays(object, shape, elements=st.text(max_size=20), fill=st.nothing())


def binary_request(named):
    inputs, data = [], b""
    for name, array in named.items():
        if array.dtype.kind == "O":
            part = b"".join(struct.pack("<I", len(one.encode())) + one.encode() for one in array.ravel())
        else:
            part = array.tobytes()
        data += part
        inputs.append(
            {"name": name, "shape": list(array.shape), "datatype": inference.DATATYPES[array.dtype.name],
             "parameters": {"binary_data_size": len(part)}}
        )  # fmt: skip
    head = json.dumps({"inputs": inputs}).encode()
    return head + data, str(len(head))


def json_request(named, *, flat=True):
    return json.dumps(
        {
            "inputs": [
                {"name": name, "shape": list(array.shape), "datatype": inference.DATATYPES[array.dtype.name],
                 "data": array.ravel().tolist() if flat else array.tolist()}
                for name, array in named.items()
            ]
        }
    ).encode()  # fmt: skip


def as_text(array):
    flat = [one.decode() if isinstance(one, bytes) else one for one in array.ravel()]
    return flat, array.shape


@hypothesis.given(st.dictionaries(st.text(min_size=1, max_size=5), ANY_ARRAY, min_size=1, max_size=3))
def test_binary_tensors_go_round(named):
    body, length = binary_request(named)
    found = inference.decode(body, length, np).inputs
    assert list(found) == list(named)
    for name, array in named.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


@hypothesis.given(ANY_ARRAY, st.booleans())
def test_json_tensors_go_round_flat_or_nested(array, flat):
    found = inference.decode(json_request({"x": array}, flat=flat), None, np).inputs["x"]
    assert found.dtype == array.dtype
    np.testing.assert_array_equal(found, array)


@hypothesis.given(texts(), st.booleans())
def test_text_goes_round(array, binary):
    body, length = binary_request({"x": array}) if binary else (json_request({"x": array}), None)
    assert as_text(inference.decode(body, length, np).inputs["x"]) == as_text(array)


@hypothesis.given(st.one_of(ANY_ARRAY, texts()), st.booleans())
def test_an_output_can_be_read_as_an_input(array, binary):
    document = inference.RequestDocument(inputs=[], parameters={"binary_data_output": binary})
    answer = inference.encode(
        inference.Request({}, document), {"x": array}, "churn", version="3", exec_ms=1.0
    )
    length = dict(answer.headers).get(inference.HEADER)
    assert (length is not None) == binary
    told = json.loads(answer.body[: int(length)] if length else answer.body)
    assert (told["model_name"], told["model_version"]) == ("churn", "3")
    head = json.dumps({"inputs": told["outputs"]}).encode()
    rest = answer.body[int(length) :] if length else b""
    found = inference.decode(head + rest, str(len(head)) if length else None, np).inputs["x"]
    assert as_text(found) == as_text(array) if array.dtype.kind == "O" else found.tobytes() == array.tobytes()


def one(**changed):
    given = {"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [1, 2], **changed}
    return json.dumps(
        {"inputs": [{key: value for key, value in given.items() if value is not None}]}
    ).encode()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "inference protocol"),
        (b"[]", "inference protocol"),
        (b'{"inputs": []}', "no input"),
        (b'{"inputs": [{"name": "x"}]}', "inference protocol"),
        (one(datatype="FP128"), "FP128"),
        (one(shape=[1, 3]), "2 values"),
        (one(shape=[-1, -2]), "shape"),
        (one(shape=[1] * 40), "shape"),
        (one(shape=[2**40, 2**40]), "2 values"),
        (one(shape=[0, 2**62, 2**62], data=[]), "cannot hold"),
        (one(shape=["1", 2]), "inference protocol"),
        (one(data=None), "no data"),
        (one(data="ab"), "not of the datatype"),
        (one(data=["1", "2"]), "not of the datatype"),
        (one(data=[True, False]), "not of the datatype"),
        (one(data=[1, None]), "not of the datatype"),
        (one(data=[[1], {"a": 2}]), "not of the datatype"),
        (one(datatype="UINT8", data=[1, 256]), "cannot hold"),
        (one(datatype="INT64", data=[1, 2**63]), "cannot hold"),
        (one(datatype="INT32", data=[1, 1.5]), "not of the datatype"),
        (one(datatype="BOOL", data=[1, 0]), "not of the datatype"),
        (one(datatype="BYTES", data=[1, 2]), "not of the datatype"),
        (one(data=json.loads("[" * 60 + "]" * 60)), "cannot be read"),
        (one(data=None, parameters={"binary_data_size": 8}), "0 bytes are there"),
        (one(data=None, parameters={"binary_data_size": -1}), "binary_data_size"),
        (one(data=None, parameters={"binary_data_size": True}), "binary_data_size"),
        (b'{"inputs": [' + one()[12:-2] + b", " + one()[12:-2] + b"]}", "twice"),
    ],
)
def test_what_lies_is_refused(body, words):
    with pytest.raises(errors.Refused, match=words) as caught:
        inference.decode(body, None, np)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("datatype", "shape", "data", "words"),
    [
        ("FP32", [2], b"1234567", "7 bytes"),
        ("FP32", [2, 2**61], b"12345678", "8 bytes"),
        ("BOOL", [2], b"\x00\x02", "neither 0 nor 1"),
        ("BYTES", [1], b"\x01", "middle of an element's length"),
        ("BYTES", [1], b"\xff\xff\xff\xffab", "2 bytes are left"),
        ("BYTES", [2], b"\x01\x00\x00\x00a", "1 elements"),
        ("BYTES", [0], b"\x00\x00\x00\x00", "1 elements"),
    ],
)
def test_binary_that_lies_is_refused(datatype, shape, data, words):
    head = one(datatype=datatype, shape=shape, data=None, parameters={"binary_data_size": len(data)})
    with pytest.raises(errors.Refused, match=words):
        inference.decode(head + data, str(len(head)), np)


@pytest.mark.parametrize("length", ["", "-1", "x", "1e2", "٣", "9" * 400])
def test_a_header_length_that_is_none_is_refused(length):
    with pytest.raises(errors.Refused, match="must be the length"):
        inference.decode(one(), length, np)


def test_bytes_after_the_last_tensor_are_refused():
    with pytest.raises(errors.Refused, match="4 bytes follow"):
        inference.decode(one() + b"more", str(len(one())), np)


@hypothesis.given(st.binary(max_size=200), st.none() | st.text("0123456789", min_size=1, max_size=3))
def test_any_bytes_are_read_or_refused(body, length):
    with pytest.raises(errors.Refused):
        inference.decode(body, length, np)


@pytest.mark.parametrize(("datatype", "value"), [("FP16", 65520.0), ("FP32", 1e39), ("INT8", 128)])
def test_a_value_that_its_type_cannot_hold_is_refused(datatype, value):
    with pytest.raises(errors.Refused, match=f"{datatype} cannot hold"):
        inference.decode(one(data=[value], datatype=datatype, shape=[1]), None, np)


@hypothesis.given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=10,
), st.sampled_from(sorted(inference.DTYPES)), st.lists(st.integers(-1, 3), max_size=3))  # fmt: skip
def test_any_data_is_a_tensor_or_refused(data, datatype, shape):
    try:
        found = inference.decode(one(data=data, datatype=datatype, shape=shape), None, np).inputs["x"]
    except errors.Refused:
        return
    assert list(found.shape) == shape


def test_rows_and_columns_become_bodies():
    def request(outputs=(), **inputs):
        named = [inference.OutputDocument(name) for name in outputs]
        return inference.Request(inputs, inference.RequestDocument(inputs=[], outputs=named))

    rows = request(["predict"], x=np.array([[1.0, np.nan]]))
    assert inference_rows.method(rows, ["predict"]) == "predict"
    assert inference_rows.method(request(["output"], x=np.zeros((1, 1))), ["predict"]) is None
    assert inference_rows.body(rows, "predict") == b'{"data": [[1.0, NaN]], "method": "predict"}'
    columns = request(a=np.array([1, 2]), b=np.array([b"x", "y"], dtype=object).reshape(2, 1))
    assert json.loads(inference_rows.body(columns, None)) == {
        "input_data": {"a": [1, 2], "b": [["x"], ["y"]]}
    }
    with pytest.raises(errors.Refused, match="two are needed"):
        inference_rows.body(request(x=np.array([1.0])), None)
    with pytest.raises(errors.Refused, match="no output 'other'"):
        inference_rows.method(request(["other"], x=np.zeros((1, 1))), ["predict"])


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v2", 200),
        ("/v2/health/live", 200),
        ("/v2/models/churn", 200),
        ("/v2/models/churn/versions/3/ready", 200),
        ("/v2/models/shop/ready", 200),
        ("/v2/models/churn/versions/4/ready", 404),
        ("/v2/models/other/infer", 404),
    ],
)
def test_the_paths_around_a_model(path, status):
    settings = config.Config(port=1, endpoint="shop", models=[{"name": "churn", "version": "3"}])
    told = []

    class Asked:
        class scope:
            method = "GET"

        answer = answer_with = told.append

    routes = inference_routes.Routes(
        settings,
        {"inputs": [], "outputs": []},
        infer=told.append,
    )
    routes.handler(path)(Asked)
    assert told[0].status == status
    assert routes.handler("/v2/nothing") is None
