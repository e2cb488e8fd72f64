"""The scripts and styles that a page carries."""

from rnnctl.report.page.assets import FOLDER, assets


def test_our_own_scripts_are_few_lines():
    code = [
        line
        for path in FOLDER.glob("*.js")
        for line in path.read_text(encoding="utf-8").splitlines()
        if line.strip() and not line.strip().startswith("//")
    ]
    assert 100 < len(code) < 200
    assert max(map(len, code)) <= 120


def test_the_policy_admits_our_scripts_and_no_address():
    policy = assets().policy
    assert policy.count("'sha256-") == len(assets().scripts) == 1 + len(list(FOLDER.glob("*.js")))
    assert "http" not in policy
    assert "script-src 'unsafe" not in policy
