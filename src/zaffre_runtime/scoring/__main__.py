"""Start of a replica: configuration, the user's code or a loader, then the listener; serves until SIGTERM.

The socket is opened only after the model is ready. Exit codes: 0 drained, 3 the user's script failed, 4 bad configuration
or model, 5 a call was stuck (watch.py).
"""

from __future__ import annotations

import atexit
import contextlib
import faulthandler
import gc
import logging
import os
import sys
import traceback
from pathlib import Path
from typing import List, NoReturn

from zaffre_runtime.scoring import (
    batching,
    config,
    dataplane,
    debugger,
    errors,
    exchange,
    http,
    listener,
    loaders,
    logs,
    reporting,
    scripts,
    swagger,
    watch,
)


def main() -> int:
    _unbuffered()
    try:
        settings = config.load(os.environ)
        _prepare(settings)
        scorer = _scorer(settings)
        plane = _opened(settings, scorer, documents=_documents(settings, scorer))
    except errors.StartError as error:
        _explain(error)
        return error.exit_code
    plane.serve()
    plane.meter.write(last=True)
    return 0


def _unbuffered() -> None:
    """Every line that init() prints is in the log before init() ends, hangs or takes the process down."""
    faulthandler.enable()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(write_through=True, line_buffering=True, errors="backslashreplace")


def _prepare(settings: config.Config) -> None:
    config.process_environment(settings, os.environ)
    level = logging.getLevelName(settings.log_level.upper())
    logging.basicConfig(
        level=level if isinstance(level, int) else logging.INFO,
        stream=sys.stderr,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    if settings.app_root is not None:
        try:
            os.chdir(settings.app_root)
        except OSError as error:
            raise errors.ConfigurationError(f"`app_root` {settings.app_root}: {error.strerror}") from error
    sys.path[:0] = config.import_folders(settings, os.environ)
    if settings.debugger_port is not None:
        debugger.wait(settings.debugger_port)


def _scorer(settings: config.Config) -> scripts.Script | loaders.NoCode:
    if settings.entry_script is None:
        return loaders.load(settings)
    script = scripts.load(Path(settings.app_root or "."), settings.entry_script, settings.max_batch)
    script.start()
    return script


def _documents(settings: config.Config, scorer: scripts.Script | loaders.NoCode) -> swagger.Documents:
    service = swagger.Service(
        name=os.environ["SERVICE_NAME"],
        version=os.environ["SERVICE_VERSION"],
        path_prefix="/" + os.environ["SERVICE_PATH_PREFIX"].strip("/")
        if os.environ.get("SERVICE_PATH_PREFIX")
        else "",
    )
    folders: List[Path] = [Path(folder) for folder in config.import_folders(settings, os.environ)]
    return swagger.Documents(folders, scorer.schemas(), service=service)


def _opened(
    settings: config.Config, scorer: dataplane.Scorer, *, documents: swagger.Documents
) -> dataplane.DataPlane:
    gc.collect()
    gc.freeze()  # the model and its libraries live as long as the process: do not look at them again
    plane = dataplane.DataPlane(scorer, settings)
    cors = os.environ.get("AML_CORS_ORIGINS", "")
    tensors = scorer.tensors() if isinstance(scorer, batching.Batched) else None
    front = http.Front(
        plane,
        settings,
        documents=documents,
        cors_origins=cors,
        tensors=tensors,
        exchanges=_exchanges(settings),
    )
    clock = watch.Watch(plane, settings)
    clock.take_signals()
    clock.begin(
        listener.Listener(
            front,
            settings.socket,
            host=settings.host,
            port=settings.port,
            most_body_bytes=settings.max_body_bytes,
        )
    )
    address = settings.socket or f"{settings.host or '127.0.0.1'}:{settings.port}"
    logs.say(f"ready on {address}")
    return plane


def _exchanges(settings: config.Config) -> exchange.Maker:
    """What requests become: plain exchanges, or with `app_insights_enabled` those that are reported."""
    if not settings.app_insights:
        return exchange.Exchange
    reporter = reporting.Reporter(settings)
    reporter.start()
    return reporter.exchange


def _explain(error: errors.StartError) -> None:
    if error.__cause__ is not None and isinstance(error, errors.ScriptError):
        traceback.print_exception(type(error.__cause__), error.__cause__, error.__cause__.__traceback__)
    logs.say(f"cannot start: {error}")


def _leave(code: int) -> NoReturn:
    """End at once after the exit hooks: threads of the user's code, and callers who still connect, are not waited for."""
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def run() -> NoReturn:
    try:
        code = main()
    except BaseException:  # noqa: BLE001 - the process's outermost frame; SystemExit from a user's run() ends here too
        traceback.print_exc()
        code = 1
    _leave(code)


if __name__ == "__main__":
    run()
