"""The process environment that uv is started with: clean, yet with this machine's own index settings.

Called by `uv`. uv reads its own variables and files itself; pip's (variables and pip.conf) are said again in uv's
words when uv has none of its own, so that a machine set up for pip works as it is. Reads files, writes none.
"""

import configparser
from collections.abc import Mapping
from pathlib import Path

_PASSED = (
    "HOME", "PATH", "LANG", "TZ", "TMPDIR", "XDG_CONFIG_HOME", "XDG_CONFIG_DIRS", "NETRC",
    "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE",
    "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy",
)  # fmt: skip
_PASSED_PREFIXES = ("UV_INDEX", "UV_DEFAULT_INDEX", "UV_EXTRA_INDEX", "UV_FIND_LINKS", "UV_HTTP", "UV_CONFIG_FILE",
                    "UV_NO_INDEX", "UV_OFFLINE", "UV_NATIVE_TLS", "UV_SYSTEM_CERTS", "UV_INSECURE_HOST", "UV_KEYRING",
                    "UV_CREDENTIALS", "UV_EXCLUDE_NEWER", "UV_REQUEST")  # fmt: skip
_OWN = ("UV_INDEX", "UV_DEFAULT_INDEX", "UV_EXTRA_INDEX", "UV_FIND_LINKS", "UV_NO_INDEX", "UV_CONFIG_FILE")
# pip's setting, and uv's variable for it.
_SAME_IN_UV = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "trusted-host": "UV_INSECURE_HOST",
    "cert": "SSL_CERT_FILE",
    "no-index": "UV_NO_INDEX",
}


def for_uv(environ: Mapping[str, str], *, system: Path = Path("/etc")) -> dict[str, str]:
    """Variables for a uv process: nothing of the server's own, everything about indexes, proxies and certificates."""
    passed = {name: environ[name] for name in _PASSED if name in environ}
    passed |= {name: value for name, value in environ.items() if name.startswith(_PASSED_PREFIXES)}
    if not _has_own_settings(environ, system):
        passed = _from_pip(environ, system) | passed
    return passed | {
        "UV_PYTHON_DOWNLOADS": "never",
        "UV_NO_PROGRESS": "1",
        "NO_COLOR": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def _has_own_settings(environ: Mapping[str, str], system: Path) -> bool:
    config = Path(environ.get("XDG_CONFIG_HOME") or Path(environ.get("HOME", "/")) / ".config")
    files = (config / "uv/uv.toml", system / "uv/uv.toml")
    return any(name.startswith(_OWN) for name in environ) or any(file.is_file() for file in files)


def _from_pip(environ: Mapping[str, str], system: Path) -> dict[str, str]:
    values = _pip_values(environ, system)
    said = {_SAME_IN_UV[name]: " ".join(value.split()) for name, value in values.items() if value.strip()}
    if "UV_FIND_LINKS" in said:
        said["UV_FIND_LINKS"] = ",".join(said["UV_FIND_LINKS"].split())
    if said.get("UV_NO_INDEX", "").lower() in ("0", "false", "no", "off"):
        del said["UV_NO_INDEX"]
    if "UV_INDEX" in said:
        said["UV_INDEX_STRATEGY"] = "unsafe-best-match"  # pip looks at all indexes at once
    return said


def _pip_values(environ: Mapping[str, str], system: Path) -> dict[str, str]:
    """pip's settings that uv has too, in pip's own order: system, user, PIP_CONFIG_FILE, variables."""
    home = Path(environ.get("HOME", "/"))
    config = Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
    files = [system / "pip.conf", home / ".pip/pip.conf", config / "pip/pip.conf"]
    if environ.get("PIP_CONFIG_FILE"):
        files.append(Path(environ["PIP_CONFIG_FILE"]))
    parser = configparser.RawConfigParser()
    parser.read([file for file in files if file.is_file()], encoding="utf-8")
    sections = [dict(parser[name]) for name in ("global", "install") if parser.has_section(name)]
    merged = {key: value for section in sections for key, value in section.items() if key in _SAME_IN_UV}
    for name in _SAME_IN_UV:
        variable = f"PIP_{name.upper().replace('-', '_')}"
        if environ.get(variable):
            merged[name] = environ[variable]
    return merged
