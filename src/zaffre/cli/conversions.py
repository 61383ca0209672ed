"""`zaffre model convert`."""

from typing import Any

import click

from zaffre.cli import grammar, options, sessions
from zaffre.core import errors, names


def convert(session: sessions.Session, given: grammar.Given) -> Any:
    """Convert a model to ONNX as a new version, if both forms answer alike; prints how much faster it is.

    MODEL is NAME, NAME:VERSION or NAME@alias.
    """
    name, version = named(given.model, given.name, given.version, workspace=session.workspace)
    asked = {"rtol": given.rtol, "atol": given.atol, "opset": given.opset, "timeout_s": given.timeout}
    poller = session.client.models.begin_convert(
        name,
        version,
        to=given.to or "onnx",
        sample=given.sample,
        environment=given.environment,
        as_name=given.as_name,
        **{key: value for key, value in asked.items() if value is not None},
    )
    made = session.wait(poller, no_wait=given.no_wait)
    if made is None:
        return poller.operation
    for line in converted_lines(poller.operation["result"]):
        session.say(line)
    return made


def named(
    text: str | None, name: str | None, version: str | None, *, workspace: str
) -> tuple[str, str | None]:
    """Name and version (or `@alias`) of a model given as one word or by flags. Raises Invalid."""
    if (text is None) == (name is None):
        raise errors.Invalid("Name one model.", hint="Write NAME:VERSION, or --name NAME --version VERSION.")
    if text is None:
        return str(name), version
    found = names.parse_reference(text, kind="models")
    names.require_here(found, workspace)
    if version is not None and found.version not in (None, version):
        raise errors.Invalid(f"{text} and --version {version} contradict each other.")
    return found.name, version or found.version or (f"@{found.label}" if found.label else None)


def converted_lines(result: dict[str, Any]) -> list[str]:
    """What people are told of a conversion."""
    tools = ", ".join(f"{name} {version}" for name, version in sorted(result["converters"].items()))
    lines = [
        f"converted as models/{result['model']} by {tools}; opset {result['opset']}, {result['numbers']} numbers",
        (
            f"compared on {result['sample']}: largest difference {result['largest_difference']:.3g}"
            f" (allowed: rtol {result['rtol']:g}, atol {result['atol']:g})"
        ),
    ]
    for size, words in ((1, "one row"), (1000, "1000 rows")):
        before, after = result[f"original_ms_{size}"], result[f"onnx_ms_{size}"]
        lines.append(
            f"{words}: {before:.3f} ms before, {after:.3f} ms now: {result[f'speedup_{size}']:.1f} times as fast"
        )
    return lines


command = grammar.make_verb(
    "convert",
    convert,
    click.Argument(["model"], metavar="MODEL", required=False),
    options.name("model"),
    options.version(),
    grammar.option("--to", help="The form; onnx is the only one, and the default."),
    grammar.option("--sample", help="Rows to ask both forms: a file, or a data asset azureml:NAME:VERSION."),
    grammar.option(
        "--environment", help="An environment that can load the model; default: found by its files."
    ),
    grammar.option(
        "--as", "as_name", help="Name of the converted model; default: a new version of the same."
    ),
    grammar.option("--rtol", type=float, help="Allowed difference, relative to the answer; default 0.0001."),
    grammar.option("--atol", type=float, help="Allowed difference, absolute; default 0.000001."),
    grammar.option("--opset", type=int, help="ONNX opset to write; default: the converter's newest."),
    grammar.option("--timeout", type=int, help="Seconds that the conversion may take; default 600."),
    options.NO_WAIT,
    changes=True,
)
