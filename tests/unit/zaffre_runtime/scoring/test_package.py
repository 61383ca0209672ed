"""The runtime's manners: what it imports, and how it sits behind the environment's own packages."""

import ast
import subprocess
import sys
from pathlib import Path

import zaffre_runtime

PACKAGE = Path(zaffre_runtime.__file__).parent


def run(code, *arguments):
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
    ).stdout


def test_importing_it_loads_no_model_library():
    code = (
        "import sys; import zaffre_runtime.scoring.__main__;"
        "print([name for name in ('numpy', 'pandas', 'sklearn', 'mlflow', 'onnxruntime', 'flask', 'zaffre')"
        " if name in sys.modules])"
    )
    assert run(code).strip() == "[]"


def test_the_overlay_stands_at_the_end_of_the_path(tmp_path):
    overlay = tmp_path / "overlay"
    (overlay / "zaffre_runtime").mkdir(parents=True)
    (overlay / "zaffre_runtime" / "__init__.py").touch()
    (overlay / "zaffre_runtime" / "probe.py").write_text("import sys; print(sys.path[-1], sys.argv)")
    for place in (overlay, overlay / "zaffre_runtime"):
        boot = place / "zaffre_boot.py"
        boot.write_text((PACKAGE / "zaffre_boot.py").read_text())
        answer = subprocess.run(
            [sys.executable, "-S", str(boot), "zaffre_runtime.probe", "x"],
            capture_output=True,
            text=True,
            check=True,
        )
        assert answer.stdout.startswith(f"{overlay} [")
        assert str(overlay) not in run("import sys; print(sys.path)")


def test_its_syntax_is_that_of_python_3_9():
    for path in [*PACKAGE.glob("*.py"), *(PACKAGE / "scoring").rglob("*.py")]:
        ast.parse(path.read_text(), filename=str(path), feature_version=(3, 9))


def test_boot_without_a_module_says_what_it_wants():
    answer = subprocess.run(
        [sys.executable, str(PACKAGE / "zaffre_boot.py")], capture_output=True, text=True, check=False
    )
    assert answer.returncode == 1
    assert "name the module" in answer.stderr


def test_the_overlay_pins_what_is_tested_here():
    import httptools
    import msgspec

    pins = (PACKAGE / "overlay.txt").read_text()
    assert f"httptools=={httptools.__version__}\n" in pins
    assert f"msgspec=={msgspec.__version__};" in pins
