"""Corpora by name: a server on localhost does to a download whatever servers do."""

import hashlib
import io
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tinyrnn.text import corpora
from tinyrnn.text.corpora import Content, CorpusError, File, Source

DATA = Path(__file__).parents[3] / "shared" / "data"
TEXT = "".join(f"{k}. Sie sprach: Ach, möchte doch endlich Frühling sein!\n" for k in range(5000)).encode()  # some 290 kB
PAGE = b"<!DOCTYPE html><title>Sign in to the network</title>" + b" " * 500


def content(data, hashed=None):
    return Content(len(data), "sha256:" + hashlib.sha256(data[:hashed]).hexdigest(), hashed)


# -- what servers do with a request --


def whole(request, data=TEXT, length=True, ranges=True, stop=None, chunked=False):
    """Send it, or the range asked for; ``stop`` after so many bytes, though more are announced."""
    asked = re.fullmatch(r"bytes=(\d+)-", request.headers.get("Range", ""))
    begin = int(asked[1]) if asked and ranges else 0
    if begin >= len(data):
        return request.send_error(416)
    request.send_response(206 if begin else 200)
    if begin:
        request.send_header("Content-Range", f"bytes {begin}-{len(data) - 1}/{len(data)}")
    if chunked:
        request.send_header("Transfer-Encoding", "chunked")
    elif length:
        request.send_header("Content-Length", str(len(data) - begin))
    request.end_headers()
    sent = data[begin:][:stop]
    request.wfile.write(b"%x\r\n%s\r\n%s" % (len(sent), sent, b"" if stop else b"0\r\n\r\n") if chunked else sent)


def does(**options):
    return lambda request: whole(request, **options)


def status(code):
    return lambda request: request.send_error(code)


def redirect(request):
    request.send_response(302)
    request.send_header("Location", "/sign-in")
    request.end_headers()


def stall(sent):
    def behaviour(request):
        if sent is not None:
            whole(request, stop=sent)
        request.server.released.wait(30)

    return behaviour


def another_range(request):
    if "Range" not in request.headers:
        return whole(request, stop=1000)
    request.send_response(206)
    request.send_header("Content-Range", f"bytes 5-{len(TEXT) - 1}/{len(TEXT)}")
    request.end_headers()
    request.wfile.write(TEXT[5:])


def hang_up(request):
    request.connection.shutdown(socket.SHUT_RDWR)


def no_http(request):
    request.wfile.write(b"220 welcome to something else\r\n")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.close_connection = True
        site = self.server
        site.asked.append(self.headers.get("Range"))
        if self.path == "/sign-in":
            return whole(self, PAGE)
        behaviour = site.behaviours.pop(0) if len(site.behaviours) > 1 else site.behaviours[0]
        behaviour(self)

    def log_message(self, *args):
        pass


@pytest.fixture
def site(monkeypatch):
    """A server, whose next requests meet these ``behaviours``, the last of them again and again; ``asked`` are the ranges."""
    monkeypatch.setenv("no_proxy", "*")
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        server.behaviours, server.asked, server.released = [whole], [], threading.Event()
        server.url = f"http://127.0.0.1:{server.server_port}/text"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.released.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def source(site):
    return Source("poem", "public domain", (File("poem/poem.txt", site.url, content(TEXT)),))


@pytest.fixture(autouse=True)
def forget():
    corpora._verified.clear()
    corpora._noted.clear()


def files_in(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


# -- all is well --


def test_downloaded_once_and_offline_ever_after(site, source, tmp_path, capsys):
    folder = tmp_path / "not" / "there"
    assert source.find(folder) is None
    path = source.fetch(folder, 5)
    assert path == folder / "poem/poem.txt" and path.read_bytes() == TEXT
    site.behaviours = [status(500)]
    assert source.fetch(folder, 5) == source.find(folder) == path
    corpora._verified.clear()  # as a new process would
    assert source.fetch(folder, 5) == path
    assert site.asked == [None] and files_in(folder) == ["poem/poem.txt"]
    assert capsys.readouterr() == ("", "")


def test_several_files_lie_in_one_folder(site, tmp_path):
    site.behaviours = [whole, does(data=b"valid"), status(404)]
    files = (File("c/train.txt", site.url, content(TEXT)), File("c/valid.txt", site.url, content(b"valid")))
    source = Source("c", "", files)
    assert source.size == len(TEXT) + 5
    assert source.fetch(tmp_path, 5) == source.find(tmp_path) == tmp_path / "c"
    (tmp_path / "c/valid.txt").unlink()
    assert source.find(tmp_path) is None
    with pytest.raises(CorpusError, match="404"):
        source.fetch(tmp_path, 5)


@pytest.mark.parametrize("terminal", [True, False])
def test_a_bar_only_on_a_terminal(source, tmp_path, monkeypatch, terminal):
    err = io.StringIO()
    err.isatty = lambda: terminal
    monkeypatch.setattr(sys, "stderr", err)
    source.fetch(tmp_path, 5)
    assert ("poem/poem.txt" in err.getvalue()) == terminal


# -- connections that break off --

N = len(TEXT)


@pytest.mark.parametrize(("behaviours", "asked"), [
    ([does(stop=1000), whole], [None, "bytes=1000-"]),
    ([does(stop=1000), does(stop=70_000), whole], [None, "bytes=1000-", "bytes=71000-"]),
    ([does(stop=N - 1), whole], [None, f"bytes={N - 1}-"]),
    ([does(stop=1000, chunked=True), does(chunked=True)], [None, "bytes=1000-"]),
    ([stall(1000), whole], [None, "bytes=1000-"]),
    ([does(stop=1000), does(ranges=False)], [None, "bytes=1000-"]),  # starts again by itself
    ([does(stop=1000), does(ranges=False, stop=2000), whole], [None, "bytes=1000-", "bytes=2000-"]),
    ([does(stop=1000, data=TEXT.upper()), whole, whole], [None, "bytes=1000-", None]),  # another file by now
    ([does(length=False)], [None]),
])  # fmt: skip
def test_resumed_in_one_call(site, source, tmp_path, behaviours, asked):
    site.behaviours = behaviours
    assert source.fetch(tmp_path, 0.5).read_bytes() == TEXT
    assert site.asked == asked and files_in(tmp_path) == ["poem/poem.txt"]


@pytest.mark.parametrize("behaviour", [hang_up, no_http, stall(None), status(503), redirect, does(stop=0), does(data=TEXT[:1000])])
def test_resumed_by_the_next_call(site, source, tmp_path, behaviour):
    """An error page in between costs nothing that has come before."""
    site.behaviours = [does(stop=1000), behaviour]
    with pytest.raises(CorpusError, match=re.escape(site.url)):
        source.fetch(tmp_path, 0.5)
    assert files_in(tmp_path) == ["poem/poem.txt.part"] and source.find(tmp_path) is None
    site.behaviours, site.asked = [whole], []
    assert source.fetch(tmp_path, 5).read_bytes() == TEXT
    assert site.asked == ["bytes=1000-"] and files_in(tmp_path) == ["poem/poem.txt"]


def test_ctrl_c_keeps_what_came(site, source, tmp_path):
    def press(request):
        whole(request, stop=1000)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    site.behaviours = [press, stall(None)]
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            source.fetch(tmp_path, 20)
    finally:
        signal.signal(signal.SIGINT, before)
    assert set(files_in(tmp_path)) <= {"poem/poem.txt.part"}
    site.behaviours = [whole]
    assert source.fetch(tmp_path, 5).read_bytes() == TEXT


def test_a_connection_that_breaks_off_again_and_again(site, source, tmp_path):
    site.behaviours = [does(stop=10)]
    with pytest.raises(CorpusError, match="it broke off 10 times"):
        source.fetch(tmp_path, 5)
    assert (tmp_path / "poem/poem.txt.part").stat().st_size == 100


@pytest.mark.parametrize("left", [TEXT, TEXT[:5], b"x" * 5, b"x" * N, b"x" * 2 * N])
def test_what_an_earlier_call_left_may_be_anything(source, tmp_path, left):
    (tmp_path / "poem").mkdir()
    (tmp_path / "poem/poem.txt.part").write_bytes(left)
    assert source.fetch(tmp_path, 5).read_bytes() == TEXT
    assert files_in(tmp_path) == ["poem/poem.txt"]


# -- what comes is not what it should be --


@pytest.mark.parametrize(("behaviours", "says"), [
    ([status(404)], "the server says 404 Not Found"),
    ([status(500)], "the server says 500"),
    ([redirect], f"552 bytes instead of {N:,}, beginning with b'<!DOCTYPE html><title>Sign in"),
    ([does(data=PAGE, length=False)], "552 bytes instead of .*, beginning with b'<!DOCTYPE"),
    ([does(data=PAGE, chunked=True)], "552 bytes instead of .*, beginning with b'<!DOCTYPE"),
    ([does(data=TEXT[:-1] + b"?")], "something else, not sha256:[0-9a-f]{64}, beginning with b'0. Sie sprach"),
    ([does(data=TEXT + b"?")], "something else, .* bytes instead of"),
    ([does(data=TEXT + b"?" * 10**6, length=False)], f"something else, {N + 1:,} bytes instead of {N:,}"),
    ([does(data=TEXT + b"?" * 10**6, chunked=True)], f"something else, {N + 1:,} bytes instead of {N:,}"),
    ([does(data=b" ", stop=0, length=False)], "something else, 0 bytes instead of .*, beginning with b''"),
    ([does(stop=1000, data=TEXT.upper()), does(data=TEXT.upper())], "something else, not sha256"),
    ([hang_up], "."),
    ([no_http], "220 welcome"),
    ([stall(None)], "no answer for 0.3 s"),
    ([another_range], "another part than asked for"),
])  # fmt: skip
def test_refused_and_nothing_left_behind(site, source, tmp_path, behaviours, says):
    site.behaviours = behaviours
    with pytest.raises(CorpusError, match=says) as error:
        source.fetch(tmp_path, 0.3)
    message, target = str(error.value), tmp_path / "poem/poem.txt"
    assert message.startswith(f"cannot download {site.url}: ") and "\n" not in message
    assert f"put the file there by hand: {target} ({N:,} bytes; it is verified when it is used)" in message
    assert files_in(tmp_path) == []
    target.write_bytes(TEXT)
    site.behaviours = [status(500)]
    assert source.fetch(tmp_path, 5) == target


def test_no_network(tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    with socket.socket() as taken:  # and does not listen
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/text"
        with pytest.raises(CorpusError, match=f"cannot download {url}: .*refused.* Try again later or over another network, or put"):
            Source("poem", "", (File("poem.txt", url, content(TEXT)),)).fetch(tmp_path, 5)


# -- what lies in the folder already --


@pytest.mark.parametrize("data", [b"", b"something else", TEXT[:-1], TEXT[:-1] + b"?", TEXT.replace(b"\n", b"\r\n")])
def test_wrong_contents_are_an_error_and_stay(site, source, tmp_path, data):
    path = tmp_path / "poem/poem.txt"
    path.parent.mkdir()
    path.write_bytes(data)
    for call in (lambda: source.fetch(tmp_path, 5), lambda: source.find(tmp_path)):
        with pytest.raises(CorpusError) as error:
            call()
        assert str(error.value).startswith(f"{path} has wrong contents: ") and repr(data[:80]) in str(error.value)
        assert str(error.value).endswith("Delete it, and it is downloaded anew")
    assert path.read_bytes() == data and site.asked == []
    path.unlink()
    assert source.fetch(tmp_path, 5).read_bytes() == TEXT


def test_verified_once_and_again_when_changed(source, tmp_path):
    path = source.fetch(tmp_path, 5)
    times = path.stat().st_atime_ns, path.stat().st_mtime_ns
    with open(path, "r+b") as file:
        file.write(b"x")
    os.utime(path, ns=times)
    assert source.fetch(tmp_path, 5) == path  # not read again: nothing tells that it has changed
    os.utime(path, ns=(times[0], times[1] + 10**9))
    with pytest.raises(CorpusError, match="wrong contents"):
        source.fetch(tmp_path, 5)


@pytest.mark.parametrize("place", ["poem/poem.txt", "poem/first.txt"])
def test_a_first_part_will_do(site, tmp_path, capsys, place):
    """Of the whole file only this part's hash is known, as of shakespeare, or another, as of text8."""
    first = TEXT[:1000]
    whole_file = content(TEXT, hashed=1000 if place == "poem/poem.txt" else None)
    source = Source("poem", "", (File("poem/poem.txt", site.url, whole_file, prefix=(place, content(first))),))
    path = tmp_path / place
    path.parent.mkdir()
    path.write_bytes(first)
    assert [source.fetch(tmp_path, 5), source.fetch(tmp_path, 5)] == [path, path] and site.asked == []
    assert capsys.readouterr().err == f"note: {path} has the first 1,000 of the {N:,} bytes of poem\n"
    for wrong in (first[:-1], first.upper(), b"?" + TEXT[1:]):
        path.write_bytes(wrong)
        with pytest.raises(CorpusError, match="wrong contents"):
            source.fetch(tmp_path, 5)
    path.unlink()
    assert source.fetch(tmp_path, 5).read_bytes() == TEXT
    path.write_bytes(first)
    if place == "poem/first.txt":  # the whole file comes first, and is not passed over when it is wrong
        assert source.fetch(tmp_path, 5).read_bytes() == TEXT
        (tmp_path / "poem/poem.txt").write_bytes(b"")
        with pytest.raises(CorpusError, match=r"poem\.txt has wrong contents"):
            source.fetch(tmp_path, 5)


def test_a_folder_that_cannot_be_written(site, source, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(CorpusError, match=r"^cannot keep poem in .*file: .*[dD]irectory.*Set the environment variable TINYRNN_DATA to"):
        source.fetch(tmp_path / "file", 5)
    assert site.asked == []


def test_a_disk_that_is_full(source, tmp_path, monkeypatch):
    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CorpusError, match=r"^cannot keep poem in .*: No space left on device\. Set"):
        source.fetch(tmp_path, 5)
    assert files_in(tmp_path) == ["poem/poem.txt.part"]


# -- archives --


def packed(*members, password=False, damaged=False):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            archive.writestr(name, data)
    data = file.getvalue()
    if password:  # say that the members are encrypted
        at = data.rindex(b"PK\x01\x02")
        data = data[: at + 8] + b"\x01" + data[at + 9 :]
    if damaged:
        data = data[:2000] + bytes(255 - b for b in data[2000:2100]) + data[2100:]
    return data


def zipped(site, data):
    site.behaviours = [does(data=data)]
    return Source("poem", "", (File("poem/poem", site.url, content(TEXT), archive=content(data)),))


def test_only_the_expected_member_is_unpacked(site, tmp_path):
    folder = tmp_path / "here"
    source = zipped(site, packed(("../../evil", b"!"), ("/tmp/evil", b"!"), ("poem", TEXT), ("other", b"!")))
    assert source.fetch(folder, 5).read_bytes() == TEXT
    assert source.fetch(folder, 5) == folder / "poem/poem" and len(site.asked) == 1
    assert files_in(tmp_path) == ["here/poem/poem"]


def test_archives_are_resumed(site, tmp_path):
    data = packed(("poem", TEXT))
    source = zipped(site, data)
    site.behaviours = [does(data=data, stop=100), does(data=data)]
    assert source.fetch(tmp_path, 5).read_bytes() == TEXT
    assert site.asked == [None, "bytes=100-"] and files_in(tmp_path) == ["poem/poem"]


@pytest.mark.parametrize(("data", "says"), [
    (packed(("poem.txt", TEXT)), "no item named 'poem'"),
    (packed(("../poem", TEXT)), "no item named 'poem'"),
    (packed(("poem", TEXT[:-1])), f"poem in it is something else, {N - 1:,} bytes instead of {N:,}"),
    (packed(("poem", TEXT + b"\0" * 10**8)), f"poem in it is something else, {N + 1:,} bytes instead of {N:,}"),
    (packed(("poem", TEXT.upper())), "poem in it is something else, not sha256:.*, beginning with b'0. SIE"),
    (packed(("poem", TEXT), password=True), "encrypted"),
    (packed(("poem", TEXT), damaged=True), "Error -3|Bad CRC"),
    (packed(("poem", TEXT))[:-30], "not a zip file"),
    (PAGE, "not a zip file"),
])  # fmt: skip
def test_archives_that_cannot_be_used(site, tmp_path, data, says):
    with pytest.raises(CorpusError, match=f"cannot be used: .*({says})") as error:
        zipped(site, data).fetch(tmp_path, 5)
    assert "put the file, unpacked, there by hand" in str(error.value)
    assert files_in(tmp_path) == []


# -- several at once --


def test_two_processes_at_once(site, source, tmp_path):
    both = threading.Barrier(2)

    def together(request):
        both.wait(60)
        whole(request)

    site.behaviours = [together, together, status(500)]
    code = (
        "from pathlib import Path; from tinyrnn.text.corpora import Content, File, Source\n"
        f"print({source!r}.fetch(Path({str(tmp_path)!r}), 60))"
    )
    running = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate(timeout=60)[0] for process in running]
    assert said == [f"{tmp_path / 'poem/poem.txt'}\n"] * 2 and len(site.asked) == 2
    assert files_in(tmp_path) == ["poem/poem.txt"] and source.find(tmp_path).read_bytes() == TEXT


def test_two_threads_download_once(site, source, tmp_path):
    threads = [threading.Thread(target=source.fetch, args=(tmp_path, 5)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert site.asked == [None] and files_in(tmp_path) == ["poem/poem.txt"]


# -- by name --


@pytest.mark.parametrize(("platform", "environment", "expected"), [
    ("linux", {}, "/home/me/.cache/tinyrnn"),
    ("linux", {"XDG_CACHE_HOME": "/var/me"}, "/var/me/tinyrnn"),
    ("linux", {"XDG_CACHE_HOME": "/var/me", "TINYRNN_DATA": "~/corpora"}, "/home/me/corpora"),
    ("linux", {"TINYRNN_DATA": "../shared/data"}, "../shared/data"),
    ("linux", {"TINYRNN_DATA": ""}, "/home/me/.cache/tinyrnn"),
    ("darwin", {"XDG_CACHE_HOME": "/var/me"}, "/home/me/Library/Caches/tinyrnn"),
    ("win32", {"LOCALAPPDATA": "/home/me/Local"}, "/home/me/Local/tinyrnn"),
    ("win32", {}, "/home/me/AppData/Local/tinyrnn"),
])  # fmt: skip
def test_the_folder(monkeypatch, platform, environment, expected):
    for name in ("TINYRNN_DATA", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setattr(sys, "platform", platform)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert corpora.folder() == Path(expected)


def test_the_catalogue():
    assert corpora.NAMES == ("tinyshakespeare", "shakespeare", "nietzsche", "time_machine", "wikitext2", "text8")
    files = [file for source in corpora.SOURCES.values() for file in source.files]
    assert len({file.path for file in files}) == len({file.url for file in files}) == 8
    for file in files:
        assert file.url.startswith("https://") and Path(file.path).name in (Path(file.url).name, Path(file.url).stem)
        for described in (file.content, file.archive, *(file.prefix or ())[1:]):
            if described:
                assert re.fullmatch(r"sha256:[0-9a-f]{64}|sha1:[0-9a-f]{40}", described.digest)
    assert all(name == source.name and source.licence for name, source in corpora.SOURCES.items())


def test_fetch_and_load_by_name(site, tmp_path, monkeypatch):
    monkeypatch.setenv("TINYRNN_DATA", str(tmp_path))
    text = "\ufeffmöglich\r\n".encode()
    parts = tuple(File(f"two/{part}.txt", site.url, content(text)) for part in ("train", "test"))
    monkeypatch.setitem(corpora.SOURCES, "one", Source("one", "", (File("one.txt", site.url, content(text)),)))
    monkeypatch.setitem(corpora.SOURCES, "two", Source("two", "", parts))
    site.behaviours = [stall(None)]
    with pytest.raises(CorpusError, match=r"no answer for 0\.2 s"):
        corpora.fetch("one", timeout=0.2)
    site.behaviours = [does(data=text)]
    assert corpora.fetch("one") == tmp_path / "one.txt" and corpora.fetch("two") == tmp_path / "two"
    assert corpora.load("one") == corpora.load("two", "train") == corpora.load("two", part="test") == "möglich\r\n"
    for arguments, message in (
        (("three",), "unknown corpus 'three': there are tinyshakespeare, shakespeare, "),
        (("two",), "two has the parts 'train', 'test': got part=None"),
        (("two", "valid"), "got part='valid'"),
        (("one", "train"), "one is one text, without parts: got part='train'"),
    ):
        with pytest.raises(ValueError, match=message):
            corpora.load(*arguments)
    with pytest.raises(ValueError, match="unknown corpus 'three'"):
        corpora.fetch("three")


@pytest.mark.skipif(not DATA.is_dir(), reason=f"no corpora in {DATA}")
def test_the_real_ones(monkeypatch, capsys):
    monkeypatch.setenv("TINYRNN_DATA", os.path.relpath(DATA))
    sizes = {
        name: [len(corpora.load(name, part)) for part in (("train", "valid", "test") if name == "wikitext2" else (None,))]
        for name in corpora.NAMES
    }
    assert sizes == {
        "tinyshakespeare": [1_115_394], "shakespeare": [3_801_088], "nietzsche": [600_893], "time_machine": [178_979],
        "wikitext2": [10_780_437, 1_120_192, 1_255_018], "text8": [3_010_294],
    }  # fmt: skip
    notes = capsys.readouterr().err.splitlines()
    assert len(notes) == 2 and "3,801,088 of the 4,573,338 bytes of shakespeare" in notes[0] and "text8" in notes[1]
    known = {file.content.digest for source in corpora.SOURCES.values() for file in source.files}
    known |= {file.prefix[1].digest for source in corpora.SOURCES.values() for file in source.files if file.prefix}
    assert {f"sha256:{line.split()[0]}" for line in (DATA / "SHA256SUMS").read_text().splitlines()} <= known
