"""The page's server under attack: whoever does not know the secret, or comes from elsewhere, gets nothing."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from xrdfit.errors import InputError
from xrdfit.live import PageServer, nothing_yet


@pytest.fixture(scope="module")
def server() -> Iterator[PageServer]:
    server = PageServer(nothing_yet)
    yield server
    server.close()


def ask(server: PageServer, path: str, *, method: str = "GET", **headers: str) -> http.client.HTTPResponse:
    """An answer to a request with these headers, a ``_`` in their names being a ``-``."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    answer.read_body = answer.read()  # type: ignore[attr-defined]
    connection.close()
    return answer


def body(answer: Any) -> bytes:
    return bytes(answer.read_body)


def raw(server: PageServer, sent: bytes) -> bytes:
    """What comes back for these very bytes."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        try:
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: connection.recv(65536), b""))
        except OSError:
            return b""


def test_who_knows_the_secret_gets_page_and_state(server: PageServer) -> None:
    page = ask(server, f"/{server.token}/")
    assert page.status == 200
    assert b"<!doctype html>" in body(page)
    state = ask(server, f"/{server.token}/state?since=0")
    assert json.loads(body(state))["scans"] == 0


def test_every_answer_forbids_frames_sniffing_caching_referrers_and_other_origins(server: PageServer) -> None:
    for path in (f"/{server.token}/", f"/{server.token}/state", "/", "/x/"):
        answer = ask(server, path)
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert answer.headers["Access-Control-Allow-Origin"] is None
        policy = answer.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'")
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy


def test_it_listens_at_this_machine_only(server: PageServer) -> None:
    assert server._server.server_address[0] == "127.0.0.1"


@pytest.mark.parametrize("path", ["/", "/state", "/wrong/", "/wrong/state", "/favicon.ico", "//", "/%2e%2e/"])
def test_without_the_secret_there_is_nothing(server: PageServer, path: str) -> None:
    answer = ask(server, path)
    assert answer.status == 404
    assert server.token.encode() not in body(answer)


def test_a_part_of_the_secret_or_one_with_more_is_wrong(server: PageServer) -> None:
    for token in (server.token[:-1], server.token + "x", server.token.swapcase(), ""):
        assert ask(server, f"/{token}/").status == 404


@pytest.mark.parametrize(
    "path",
    [
        "../../etc/passwd",
        "..%2f..%2fetc%2fpasswd",
        "state/../../etc/passwd",
        "live.js",
        "/etc/passwd",
        "state/",
        "\\..",
    ],
)
def test_no_path_reaches_the_disk(server: PageServer, path: str) -> None:
    answer = ask(server, f"/{server.token}/{path}")
    assert answer.status == 404
    assert b"root:" not in body(answer)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "PROPFIND"])
def test_nothing_can_be_done_but_read(server: PageServer, method: str) -> None:
    assert ask(server, f"/{server.token}/", method=method).status == 405


def test_head_has_no_body(server: PageServer) -> None:
    answer = ask(server, f"/{server.token}/", method="HEAD")
    assert answer.status == 200
    assert body(answer) == b""


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "127.0.0.1:1", "localhost.evil.example", "[::1]", ""])
def test_a_name_that_was_made_to_lead_here_is_refused(server: PageServer, host: str) -> None:
    answer = ask(server, f"/{server.token}/state", Host=host.replace("PORT", str(server.port)))
    assert answer.status == 421


def test_a_foreign_host_with_the_right_port_is_refused_and_so_are_two_hosts_and_none(server: PageServer) -> None:
    assert ask(server, f"/{server.token}/", Host=f"evil.example:{server.port}").status == 421
    own = f"Host: 127.0.0.1:{server.port}\r\n"
    for hosts in ("", own + own, own + "Host: evil.example\r\n"):
        assert b" 421 " in raw(server, f"GET /{server.token}/ HTTP/1.1\r\n{hosts}\r\n".encode())


def test_localhost_is_a_name_of_this_machine(server: PageServer) -> None:
    assert ask(server, f"/{server.token}/", Host=f"localhost:{server.port}").status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
    ],
    ids=str,
)
def test_other_sites_are_refused(server: PageServer, headers: dict[str, str]) -> None:
    assert ask(server, f"/{server.token}/state", **headers).status == 403


def test_a_request_with_a_body_is_refused(server: PageServer) -> None:
    assert ask(server, f"/{server.token}/", Content_Length="5").status == 400
    assert ask(server, f"/{server.token}/", Transfer_Encoding="chunked").status == 400


@pytest.mark.parametrize(
    "sent",
    [
        b"GET /" + b"a" * 20000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: " + b"a" * 20000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X: 1\r\n" * 3000 + b"\r\n",
        b"\x16\x03\x01\x02\x00" + bytes(200),
        b"\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET nothing HTTP/1.1\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET //[ HTTP/1.1\r\n\r\n",
        b"GET /\xff\xfe/ HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
    ids=[
        "long address",
        "long header",
        "many headers",
        "TLS",
        "empty",
        "no path",
        "no slash",
        "9.9",
        "bracket",
        "bytes",
    ],
)
def test_what_is_no_request_gets_no_page_and_does_no_harm(server: PageServer, sent: bytes) -> None:
    answer = raw(server, sent)
    assert b"200" not in answer.split(b"\r\n")[0]
    assert b"Traceback" not in answer
    assert ask(server, f"/{server.token}/").status == 200


def test_slow_connections_keep_nobody_out_and_do_not_last(server: PageServer) -> None:
    slow = [socket.create_connection(("127.0.0.1", server.port), timeout=5) for _ in range(200)]
    try:
        for connection in slow[-50:]:
            connection.sendall(b"GET /")
        began = time.monotonic()
        assert ask(server, f"/{server.token}/").status == 200
        assert time.monotonic() - began < 1.0
        # A byte now and then does not prolong it.
        last = slow[-1]
        ends = time.monotonic() + 5.0
        while time.monotonic() < ends:
            try:
                last.sendall(b"a")
            except OSError:
                break
            time.sleep(0.2)
        assert time.monotonic() < ends
    finally:
        for connection in slow:
            connection.close()


def test_a_port_that_is_taken_is_told(server: PageServer) -> None:
    with pytest.raises(InputError, match=rf"E178 .* --port {server.port}"):
        PageServer(nothing_yet, port=server.port)


def test_two_watches_have_two_secrets(server: PageServer) -> None:
    other = PageServer(nothing_yet)
    other.close()
    assert other.token != server.token
    assert len(other.token) >= 32
