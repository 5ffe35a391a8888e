"""Certificates and keys, made by openssl(1)."""

import datetime
import os
import subprocess

import postfix_sasl_certificate as certificate
import pytest


def openssl(directory, command):
    subprocess.run(["openssl", *command.split()], cwd=directory, check=True, capture_output=True)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    home = tmp_path_factory.mktemp("certificates")
    for name, days in (("good", 30), ("other", 30), ("soon", 3)):
        openssl(
            home,
            f"req -x509 -newkey rsa:2048 -nodes -keyout {name}.key -out {name}.pem -days {days} "
            "-subj /CN=mail.example.org",
        )
    openssl(home, "rsa -aes128 -passout pass:x -in good.key -out locked.key")
    openssl(home, "ecparam -genkey -name prime256v1 -out ec.key")
    openssl(home, "req -x509 -new -key ec.key -out ec.pem -days 30000 -subj /CN=x")
    # One that was valid once, and one that will be: the -days of openssl start now.
    openssl(home, "req -new -key good.key -out good.csr -subj /CN=x")
    (home / "index").write_text("")
    (home / "ca.cnf").write_text(
        "[ca]\ndefault_ca=a\n[a]\ndatabase=index\nnew_certs_dir=.\nrand_serial=yes\n"
        "default_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n"
    )
    for name, start, end in (
        ("expired", "20200101000000Z", "20210101000000Z"),
        ("early", "20600101000000Z", "20610101000000Z"),
    ):
        openssl(
            home,
            "ca -batch -config ca.cnf -selfsign -keyfile good.key -in good.csr "
            f"-out {name}.pem -startdate {start} -enddate {end} -notext",
        )
        (home / "index").write_text("")
    (home / "junk.pem").write_text("junk\n")
    (home / "broken.pem").write_text(
        "-----BEGIN CERTIFICATE-----\nMIIBAAAA\n-----END CERTIFICATE-----\n"
    )
    both = (home / "good.pem").read_text() + (home / "good.key").read_text()
    (home / "both.pem").write_text(both)
    for path in home.iterdir():
        path.chmod(0o600)
    return home


def found(made, cert, key):
    return certificate.problems(str(made / cert), str(made / key))


def test_a_pair(made):
    assert found(made, "good.pem", "good.key") == []
    assert found(made, "both.pem", "both.pem") == []
    assert found(made, "ec.pem", "ec.key") == []


@pytest.mark.parametrize(
    ("cert", "key", "says"),
    [
        ("good.pem", "other.key", "other.key is not the key of"),
        ("good.pem", "locked.key", "locked.key wants a pass phrase"),
        ("good.pem", "good.pem", "cannot be used together"),
        ("junk.pem", "good.key", "cannot be used together"),
        ("nosuch.pem", "good.key", "nosuch.pem: No such file or directory"),
        ("good.pem", "nosuch.key", "nosuch.key: No such file or directory"),
        ("", "good.key", "is not a file"),
        ("expired.pem", "good.key", "expired.pem expired on 2021-01-01"),
        ("early.pem", "good.key", "early.pem is valid only from 2060-01-01 00:00 UTC"),
    ],
)
def test_no_pair(made, cert, key, says):
    is_error, text = found(made, cert, key)[0]
    assert is_error and says in text
    assert "\n" not in text


def test_a_week_before_the_end(made):
    ((is_error, text),) = found(made, "soon.pem", "soon.key")
    assert not is_error and "expires on" in text


def test_key_that_everybody_can_read(made, tmp_path):
    key = tmp_path / "open.key"
    key.write_bytes((made / "good.key").read_bytes())
    key.chmod(0o644)
    ((is_error, text),) = certificate.problems(str(made / "good.pem"), str(key))
    assert not is_error and f"chmod o-r {key}" in text
    key.chmod(0o640)
    assert certificate.problems(str(made / "good.pem"), str(key)) == []


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (["good.key", "good.pem"], None),
        (["good.key", "good.pem", "ec.key", "ec.pem"], None),
        (["ec.key", "ec.pem", "good.key", "other.pem"], "good.key is not the key of"),
        (["good.pem", "good.key"], "good.pem has a certificate before its key"),
        (["good.key", "expired.pem"], "expired.pem expired on 2021-01-01"),
        (["good.key", "broken.pem"], "cannot be used together"),
        (["good.key"], "cannot be used together"),
        (["good.key", "nosuch"], "nosuch: No such file"),
        (["junk.pem"], "it takes keys and their certificates"),
    ],
)
def test_chain_files(made, names, says):
    problems = certificate.chain_problems([str(made / name) for name in names])
    if says is None:
        assert problems == []
    else:
        assert problems[0][0] is True and says in problems[0][1]


def test_all_in_one_chain_file(made, tmp_path):
    names = ("good.key", "good.pem", "other.pem", "ec.key", "ec.pem")
    path = tmp_path / "all.pem"
    path.write_text("# a word\n" + "".join((made / name).read_text() for name in names))
    path.chmod(0o600)
    assert certificate.chain_problems([str(path)]) == []
    path.write_text(path.read_text()[:-60])
    assert certificate.chain_problems([str(path)])[0][0] is True


def test_a_pair_that_is_text(made):
    def found(*names):
        text = b"".join((made / name).read_bytes() for name in names)
        return certificate.text_problems(text, "the certificate", "the key")

    assert found("good.key", "good.pem") == []
    assert found("other.key", "good.pem")[0][1].startswith("the key is not the key of the cert")
    assert found("good.key", "expired.pem")[0][1].startswith("the certificate expired on")
    assert found("locked.key", "good.pem")[0][1].startswith("the key wants a pass phrase")


def test_dates_are_those_openssl_tells(made):
    for name in ("good", "ec", "early", "expired"):
        openssl(made, f"x509 -in {name}.pem -outform DER -out {name}.der")
        shown = subprocess.run(
            ["openssl", "x509", "-noout", "-dates", "-in", made / f"{name}.pem"],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        expected = [
            datetime.datetime.strptime(line.partition("=")[2], "%b %d %H:%M:%S %Y %Z")
            for line in shown.splitlines()
        ]
        start, end = certificate.validity((made / f"{name}.der").read_bytes())
        assert [moment.replace(tzinfo=None) for moment in (start, end)] == expected


def test_bytes_that_are_no_certificate(made):
    openssl(made, "x509 -in good.pem -outform DER -out whole.der")
    whole = (made / "whole.der").read_bytes()
    for length in range(200):
        with pytest.raises(ValueError):
            certificate.validity(whole[:length])
    for _ in range(50):
        with pytest.raises(ValueError):
            certificate.validity(os.urandom(100))
