"""What a mail client meets on a host with an empty pillar: who may log in, and who may not."""

import pytest
from support import mail, wait
from support.layers import PASSWORD, USER

each_listener = pytest.mark.parametrize(("port", "tls"), mail.LISTENERS)


@each_listener
@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_a_user_logs_in(shared_host, port, tls, mechanism):
    with shared_host.network():
        assert mail.login(port, USER, PASSWORD, mechanism, tls).code == 235


@each_listener
def test_a_wrong_password_is_refused(shared_host, port, tls):
    with shared_host.network():
        assert mail.login(port, "alice", "wrong", tls=tls).code == 535


@each_listener
def test_no_login_is_offered_before_tls(shared_host, port, tls):
    with shared_host.network():
        before = set() if tls == "implicit" else mail.mechanisms(port, None)
        assert before == set()
        assert mail.mechanisms(port, tls) == {"PLAIN", "LOGIN"}


@pytest.mark.parametrize("port", [25, 587])
def test_a_login_before_tls_is_refused_even_if_it_is_tried(shared_host, port):
    with shared_host.network():
        assert mail.login(port, USER, PASSWORD, tls=None).code in (503, 530, 538)


@each_listener
def test_the_handshake_is_modern(shared_host, port, tls):
    with shared_host.network():
        assert mail.tls_version(port, tls) in ("TLSv1.2", "TLSv1.3")


class TestAccountsThatMayNotLogIn:
    """Each has the right password, and is refused."""

    @each_listener
    def test_root(self, shared_host, port, tls):
        shared_host.run("chpasswd", input="root:secret\n")
        with shared_host.network():
            assert mail.login(port, "root", "secret", tls=tls).code == 535

    def test_a_system_account(self, shared_host):
        shared_host.run("useradd", "--system", "--shell=/bin/bash", "robot")
        shared_host.run("chpasswd", input="robot:secret\n")
        with shared_host.network():
            assert mail.login(587, "robot", "secret").code == 535

    def test_a_user_without_a_shell(self, shared_host):
        shared_host.run("useradd", "--shell=/usr/sbin/nologin", "ghost")
        shared_host.run("chpasswd", input="ghost:secret\n")
        with shared_host.network():
            assert mail.login(587, "ghost", "secret").code == 535

    def test_a_locked_account_at_once(self, shared_host):
        shared_host.add_user("bob", "secret")
        with shared_host.network():
            assert mail.login(587, "bob", "secret").code == 235
            shared_host.run("usermod", "--lock", "bob")
            assert mail.login(587, "bob", "secret").code == 535

    def test_an_expired_account_at_once(self, shared_host):
        shared_host.add_user("eve", "secret")
        with shared_host.network():
            assert mail.login(587, "eve", "secret").code == 235
            shared_host.run("chage", "--expiredate", "0", "eve")
            assert mail.login(587, "eve", "secret").code == 535


def test_nobody_but_postfix_reaches_the_socket_of_saslauthd(shared_host):
    directory = "/var/spool/postfix/var/run/saslauthd"
    assert shared_host.run("stat", "-c", "%U:%G %a", directory).stdout == "root:sasl 710\n"

    def is_reached_by(user, *groups):
        enter = ("setpriv", f"--reuid={user}", *groups, "test", "-S", f"{directory}/mux")
        return shared_host.run(*enter, check=False).returncode == 0

    assert is_reached_by("postfix", "--regid=postfix", "--init-groups")
    assert not is_reached_by("nobody", "--regid=nogroup", "--clear-groups")
    assert not is_reached_by(USER, "--regid=users", "--init-groups")


def arrived(host, port, subject):
    """Have a user send a message through a listener; return it as it is in the mailbox."""
    with host.network():
        answer = mail.send(
            port,
            "alice@mail.example.com",
            "carol@mail.example.com",
            user=USER,
            password=PASSWORD,
            subject=subject,
        )
    assert answer.code == 250
    return wait.for_mail(host, "carol", subject)


def test_mail_of_a_user_arrives_in_a_mailbox(shared_host):
    shared_host.add_user("carol", "unused")
    text = arrived(shared_host, 587, "for carol")
    assert "Authenticated sender" not in text  # the login name is nobody else's business
    # On 587 a Postfix that can hides all of the session.
    assert "TLSv1" in arrived(shared_host, 25, "by port 25")  # smtpd_tls_received_header
