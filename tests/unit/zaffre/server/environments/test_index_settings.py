from zaffre.server.environments import index_settings

SECRET = {
    "ZAFFRE_TOKEN": "s",
    "AWS_SECRET_ACCESS_KEY": "s",
    "PYTHONPATH": "/x",
    "VIRTUAL_ENV": "/v",
    "UV_PUBLISH_TOKEN": "s",
    "UV_PYTHON": "3.8",
}


def test_the_servers_own_variables_stay_with_it(tmp_path):
    given = {
        **SECRET,
        "PATH": "/usr/bin",
        "HTTPS_PROXY": "http://p:1",
        "SSL_CERT_FILE": "/c.pem",
        "HOME": str(tmp_path),
    }
    passed = index_settings.for_uv(given, system=tmp_path)
    assert not set(SECRET) & set(passed)
    assert passed["HTTPS_PROXY"] == "http://p:1"
    assert passed["SSL_CERT_FILE"] == "/c.pem"
    assert passed["UV_PYTHON_DOWNLOADS"] == "never"


def test_pips_settings_are_said_in_uvs_words(tmp_path):
    (tmp_path / ".config/pip").mkdir(parents=True)
    (tmp_path / ".config/pip/pip.conf").write_text(
        "[global]\nindex-url = https://mirror/simple\nextra-index-url = https://a/simple\n  https://b/simple\nfind-links = /w1 /w2\ntimeout=5\n"
    )
    passed = index_settings.for_uv({"HOME": str(tmp_path)}, system=tmp_path / "etc")
    assert passed["UV_DEFAULT_INDEX"] == "https://mirror/simple"
    assert passed["UV_INDEX"] == "https://a/simple https://b/simple"
    assert passed["UV_FIND_LINKS"] == "/w1,/w2"
    assert passed["UV_INDEX_STRATEGY"] == "unsafe-best-match"


def test_a_variable_of_pip_wins_over_its_file(tmp_path):
    (tmp_path / "pip.conf").write_text("[global]\nindex-url = https://system/simple\n")
    passed = index_settings.for_uv(
        {"HOME": str(tmp_path), "PIP_INDEX_URL": "https://mine/simple"}, system=tmp_path
    )
    assert passed["UV_DEFAULT_INDEX"] == "https://mine/simple"


def test_uvs_own_settings_win_over_all_of_pips(tmp_path):
    given = {
        "HOME": str(tmp_path),
        "PIP_EXTRA_INDEX_URL": "https://pip/simple",
        "UV_DEFAULT_INDEX": "https://uv/simple",
    }
    passed = index_settings.for_uv(given, system=tmp_path)
    assert passed["UV_DEFAULT_INDEX"] == "https://uv/simple"
    assert "UV_INDEX" not in passed
    (tmp_path / ".config/uv").mkdir(parents=True)
    (tmp_path / ".config/uv/uv.toml").write_text("")
    assert "UV_INDEX" not in index_settings.for_uv(
        {"HOME": str(tmp_path), "PIP_EXTRA_INDEX_URL": "https://p/s"}, system=tmp_path
    )
