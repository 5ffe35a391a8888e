"""Which packages are installed, from dpkg's own file."""

import postfix_sasl_packages
import pytest

STATUS = """\
Package: postfix
Status: install ok installed
Priority: optional
Version: 3.10.13-0+deb13u1

Package: held
Status: hold ok installed

Package: removed
Status: deinstall ok config-files
Conffiles:
 /etc/removed.conf 0123456789abcdef

Package: unpacked
Status: install ok half-configured
Description: text
 that says Status: install ok installed
Tag: x

Package: late-status
Architecture: all
Status: install ok installed
"""


@pytest.fixture
def dpkg(tmp_path):
    (tmp_path / "status").write_text(STATUS)
    (tmp_path / "updates").mkdir()
    return tmp_path


def test_what_is_installed(dpkg):
    assert postfix_sasl_packages.installed(dpkg) == {"postfix", "held", "late-status"}


def test_an_interrupted_dpkg_is_not_read(dpkg):
    (dpkg / "updates/0001").write_text("")
    assert postfix_sasl_packages.installed(dpkg) is None


def test_no_dpkg(tmp_path):
    assert postfix_sasl_packages.installed(tmp_path) is None


def test_salt_is_asked_where_the_file_does_not_tell(monkeypatch):
    monkeypatch.setattr(postfix_sasl_packages, "installed", lambda: None)
    salt = {"pkg.list_pkgs": lambda: {"postfix": "3.7.11"}}
    packages = postfix_sasl_packages.Packages(["postfix", "sasl2-bin"], salt, None)
    assert packages.changes() == {"package sasl2-bin": {"old": None, "new": "installed"}}
