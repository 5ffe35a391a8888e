"""The copy of a certificate: the same by an apply and by the hook, wherever it comes from."""

import subprocess

import postfix_sasl_keypair as keypair
import pytest
from postfix_sasl_settings import check
from support import certificates


@pytest.fixture(scope="module")
def pair():
    return certificates.make()


@pytest.fixture(scope="module")
def another():
    return certificates.make(kind="rsa")


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setattr(keypair, "STORE", str(tmp_path / "store.pem"))
    return tmp_path / "store.pem"


def wanted(*places):
    """Return the checked settings, the copy that an apply makes, and what is wrong with it."""
    settings = check({"tls": {"acme": [str(place) for place in places]}})
    return settings, *keypair.store(settings)


def hooked(store, settings):
    """Run the hook, whose copy is elsewhere here, and return what it said, and what is there."""
    text = keypair.hook_text(settings).replace("/etc/postfix", str(store.parent))
    done = subprocess.run(
        ["sh"], input=text, capture_output=True, text=True, timeout=60, cwd=store.parent
    )
    left = [path.name for path in store.parent.glob(".*")]
    assert left == []
    return done.returncode, done.stderr, store.read_text() if store.exists() else None


def lay(directory, pair, key="privkey.pem", chain="fullchain.pem"):
    (directory / key).parent.mkdir(parents=True, exist_ok=True)
    (directory / key).write_text(pair.key, newline="")
    (directory / chain).write_text(pair.certificate, newline="")
    return directory


LAYOUTS = {
    "certbot": ("live/a.example.org", "privkey.pem", "fullchain.pem"),
    "acme.sh": ("acme.sh/a.example.org_ecc", "a.example.org.key", "fullchain.cer"),
    "lego": ("lego/a.example.org", "../a.example.org.key", "../a.example.org.crt"),
}


@pytest.mark.parametrize("client", LAYOUTS)
def test_the_hook_makes_what_an_apply_makes_of(client, tmp_path, store, pair):
    place, key, chain = LAYOUTS[client]
    (tmp_path / place).mkdir(parents=True)
    lay(tmp_path / place, pair, key, chain)
    settings, file, problems = wanted(tmp_path / place)
    assert problems == []
    assert hooked(store, settings) == (0, "", file.text)
    assert store.stat().st_mode & 0o777 == 0o600
    assert keypair.acme() == [str(tmp_path / place)]


def variants(pair):
    crlf = certificates.Made(*(text.replace("\n", "\r\n") for text in pair))
    parameters = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
    return {
        "line ends of Windows": crlf,
        "words between": certificates.Made("Subject: a\n" + pair.certificate, "key:\n" + pair.key),
        "no line end at the end": certificates.Made(*(text.rstrip() for text in pair)),
        "parameters before the key": certificates.Made(pair.certificate, parameters + pair.key),
        "both in both": certificates.Made(pair.key + pair.certificate, pair.certificate + pair.key),
    }


@pytest.mark.parametrize("variant", variants(certificates.Made("", "")))
def test_the_copy_is_the_same_with(variant, tmp_path, store, pair):
    _settings, plain, _problems = wanted(lay(tmp_path / "plain", pair))
    settings, file, problems = wanted(lay(tmp_path / "other", variants(pair)[variant]))
    assert problems == []
    assert file.text.partition("-----")[2] == plain.text.partition("-----")[2]
    assert hooked(store, settings) == (0, "", file.text)


def test_two_kinds_of_key(tmp_path, store, pair, another):
    settings, file, problems = wanted(lay(tmp_path / "a", pair), lay(tmp_path / "b", another))
    assert problems == []
    assert file.text.count("PRIVATE KEY-----\n") == 4
    assert hooked(store, settings) == (0, "", file.text)


def bad(pair, another):
    half = pair.certificate[: len(pair.certificate) // 2]
    yield certificates.Made(another.certificate, pair.key), "is not the key of"
    yield certificates.make(end="20210101000000Z"), "expired"
    yield certificates.make(start="20580101000000Z"), "valid"
    yield certificates.Made(half, pair.key), "fullchain.pem"
    yield certificates.Made(pair.certificate + half, pair.key), "fullchain.pem"
    yield certificates.Made(pair.certificate, ""), "privkey.pem"
    yield certificates.Made("", pair.key), "fullchain.pem"
    yield certificates.Made(pair.certificate, pair.key[:90]), "privkey.pem"


def test_a_bad_pair_is_refused_by_both(tmp_path, store, pair, another):
    store.write_text("the last good one\n")
    for number, (made, says) in enumerate(bad(pair, another)):
        settings, _file, problems = wanted(lay(tmp_path / str(number), made))
        assert any(is_error and says in text for is_error, text in problems), (number, problems)
        status, said, text = hooked(store, settings)
        assert (status, text) == (1, "the last good one\n"), number
        assert says in said, number


def test_none_there_yet(tmp_path, store):
    settings, file, ((is_error, text),) = wanted(tmp_path / "live")
    assert file is None and is_error
    assert f"{tmp_path}/live/fullchain.pem: No such file" in text
    assert hooked(store, settings)[0] == 1


def test_a_renewal_of_another_certificate_is_left_alone(tmp_path, store, pair):
    settings, _file, _problems = wanted(lay(tmp_path / "live", pair))
    text = keypair.hook_text(settings).replace("/etc/postfix", str(tmp_path))
    for lineage, is_ours in (("/etc/letsencrypt/live/x", False), (f"{tmp_path}/live", True)):
        subprocess.run(
            ["sh"], input=text, text=True, check=True, timeout=60, env={"RENEWED_LINEAGE": lineage}
        )
        assert store.exists() == is_ours


@pytest.mark.parametrize(
    ("places", "hook"),
    [
        (["/etc/letsencrypt/live/a"], keypair.CERTBOT_HOOK),
        (["/etc/letsencrypt/live/a", "/opt/acme.sh/a"], keypair.OTHER_HOOK),
    ],
)
def test_whose_hook_it_is(places, hook):
    (thing,) = keypair.hooks(check({"tls": {"acme": places}}))
    assert (thing.path, thing.mode) == (hook, 0o755)


def test_no_hook_without_a_client():
    assert keypair.hooks(check({})) == []
