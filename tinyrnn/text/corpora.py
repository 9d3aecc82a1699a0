"""Real corpora by name: found in a folder or downloaded into it once, verified, and at hand without a network ever after.

The folder is the one that the environment variable ``TINYRNN_DATA`` names, else one in the user's cache
(:func:`folder`). Files may be put there by hand, too; they are verified just the same.

>>> from tinyrnn.text import corpora
>>> corpora.load("nietzsche")[:19]  # doctest: +SKIP
'PREFACE\\n\\n\\nSUPPOSING'
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..serialization import replacing
from .corpus import read_text

TRIES = 10  # how often one download may break off; what came is kept, and the next call goes on from there
BLOCK = 2**18
_lock = threading.Lock()  # two threads would write to the same temporary file
_verified: set[tuple] = set()
_noted: set[Path] = set()


class CorpusError(OSError):
    """A corpus is not at hand and cannot be had, or a file in its place is something else. The message says what to do."""


@dataclass(frozen=True)
class Content:
    """What tells that a file is the right one.

    Attributes:
        size: in bytes.
        digest: algorithm and hash, such as ``"sha256:23cf..."``.
        hashed: how many bytes from the start the hash is of; ``None`` if of all.
    """

    size: int
    digest: str
    hashed: int | None = None

    def is_in(self, path: Path) -> bool:
        """Whether the file has this content. It is read once in a process, and again if it has changed."""
        stat = path.stat()
        key = (self, stat.st_dev, stat.st_ino, stat.st_mtime_ns)
        if stat.st_size != self.size:
            return False
        if key in _verified:
            return True
        algorithm, _, digest = self.digest.partition(":")
        found, rest = hashlib.new(algorithm, usedforsecurity=False), self.hashed or self.size
        with open(path, "rb") as file:
            while block := file.read(min(BLOCK, rest)):
                found.update(block)
                rest -= len(block)
        if found.hexdigest() != digest:
            return False
        _verified.add(key)
        return True

    def unlike(self, path: Path) -> str:
        """How a file differs that has not this content."""
        size = path.stat().st_size
        with open(path, "rb") as file:
            head = file.read(80)
        return f"{f'{size:,} bytes instead of {self.size:,}' if size != self.size else f'not {self.digest}'}, beginning with {head!r}"


@dataclass(frozen=True)
class File:
    """A file of a corpus: its place below the folder, its address, and what it holds.

    Attributes:
        archive: content of the zip file at ``url``, if it is one; of its members the one named like the file is unpacked.
        prefix: a place, and the content there, that may stand in: the first part of this file.
    """

    path: str
    url: str
    content: Content
    archive: Content | None = None
    prefix: tuple[str, Content] | None = None

    def find(self, folder: Path) -> Path | None:
        """The verified file in this folder, or its prefix; ``None`` if neither is there.

        Raises:
            CorpusError: there is a file in its place with other contents.
        """
        known = [(self.path, self.content), *([self.prefix] if self.prefix else [])]
        for place, content in known:
            path = folder / place
            if path.exists():
                if any(possible.is_in(path) for _, possible in known):
                    return path
                raise CorpusError(f"{path} has wrong contents: {content.unlike(path)}. Delete it, and it is downloaded anew")
        return None

    def download(self, folder: Path, timeout: float) -> None:
        """Bring the file into the folder; it takes its name when all is there and verified.

        What came before a connection broke off is kept as ``.part``, and the next call goes on from there. Who does
        renames it first, so no two processes write to one file; of two that load the same, either may finish first.

        Raises:
            CorpusError: it cannot be had, or is not what it should be: then nothing of it is kept.
            OSError: it cannot be written.
        """
        target = folder / self.path
        target.parent.mkdir(parents=True, exist_ok=True)
        part, kept = Path(f"{target}.{os.getpid()}.part"), Path(f"{target}.part")
        with contextlib.suppress(FileNotFoundError):
            os.replace(kept, part)
        try:
            part.touch()  # where nothing can be written, rather fail before asking the network
            self._receive(part, folder, timeout)
            if self.archive:
                self._unpack(part, folder)
            elif not target.exists():
                os.replace(part, target)
        finally:
            if part.exists():
                if target.exists() or part.stat().st_size == 0:
                    part.unlink()
                else:
                    os.replace(part, kept)

    def _error(self, why: str, folder: Path) -> CorpusError:
        return CorpusError(
            f"cannot download {self.url}: {why}. Try again later or over another network, or put the file"
            f"{', unpacked,' if self.archive else ''} there by hand: {folder / self.path} ({self.content.size:,} bytes; "
            f"it is verified when it is used)"
        )

    def _receive(self, part: Path, folder: Path, timeout: float) -> None:
        """Complete what is in ``part``, in several requests if need be, and verify it."""
        from tqdm import tqdm

        wanted = self.archive or self.content
        joined = part.stat().st_size > 0  # of two downloads, which may not belong together
        with tqdm(total=wanted.size, unit="B", unit_scale=True, desc=self.path, disable=None, leave=False) as bar:
            for _ in range(TRIES):
                have = part.stat().st_size
                why = _request(self.url, part, have, wanted.size, timeout, bar) if have < wanted.size else ""
                if why:
                    if part.stat().st_size <= have:
                        raise self._error(why, folder)
                    joined = True
                elif wanted.is_in(part):
                    return
                else:
                    unlike = wanted.unlike(part)
                    os.truncate(part, 0)
                    if not joined:
                        raise self._error(f"what came is something else, {unlike}", folder)
                    joined = False
        raise self._error(f"it broke off {TRIES} times", folder)

    def _unpack(self, archive: Path, folder: Path) -> None:
        """Write the one member that is expected, and no more of it than expected, whatever the archive says."""
        import zipfile
        import zlib

        target, rest = folder / self.path, self.content.size + 1
        try:
            with zipfile.ZipFile(archive) as members, members.open(target.name) as member, replacing(target) as file:
                while block := member.read(min(BLOCK, rest)):
                    file.write(block)
                    rest -= len(block)
                file.flush()
                written = Path(file.name)
                if not self.content.is_in(written):
                    raise zipfile.BadZipFile(f"{target.name} in it is something else, {self.content.unlike(written)}")
        except (zipfile.BadZipFile, zlib.error, EOFError, KeyError, RuntimeError) as error:
            os.truncate(archive, 0)
            raise self._error(f"the archive cannot be used: {error.args[0]}", folder) from error


def _request(url: str, part: Path, have: int, size: int, timeout: float, bar: Any) -> str:
    """Append to ``part`` what comes after its first ``have`` bytes, or write it anew; returns why not all came, or "".

    Without ``If-Range``: only one file has the right hash, and one that has changed in between is refused in any case.
    """
    from http.client import HTTPException  # to load these takes longer than to find a corpus that is there
    from urllib.error import HTTPError, URLError
    from urllib.request import Request, build_opener

    def reason(error: Exception) -> str:
        cause = error.reason if isinstance(error, URLError) else error
        said = " ".join(str(cause).split()) or type(cause).__name__
        return f"no answer for {timeout:g} s" if isinstance(cause, TimeoutError) else said

    headers = {"User-Agent": "tinyrnn"} | ({"Range": f"bytes={have}-"} if have else {})
    try:
        response = build_opener().open(Request(url, headers=headers), timeout=timeout)
    except HTTPError as error:
        error.close()
        return f"the server says {error.code} {error.reason}"
    except (OSError, HTTPException) as error:
        return reason(error)
    with response:
        goes_on = response.status == 206 and response.headers.get("Content-Range", "").startswith(f"bytes {have}-")
        if response.status == 206 and not goes_on:
            os.truncate(part, 0)
            return "the server sends another part than asked for"
        have = have if goes_on else 0
        length = response.headers.get("Content-Length")
        if length is not None and have + int(length) != size:  # an error page must not cost what we have
            return f"what comes is something else, {have + int(length):,} bytes instead of {size:,}, beginning with {response.read(80)!r}"
        end = size if length is not None else size + 1  # one more shows that there is too much
        bar.update(have - bar.n)
        with open(part, "ab" if goes_on else "wb") as file:
            while have < end:
                try:
                    block = response.read1(min(BLOCK, end - have))
                except (OSError, HTTPException) as error:
                    return reason(error)
                if not block:
                    break
                file.write(block)
                have += len(block)
                bar.update(len(block))
            file.flush()
            os.fsync(file.fileno())  # or a power cut could leave the final name on an empty file
    return "the connection broke off" if length is not None and have < size else ""


@dataclass(frozen=True)
class Source:
    """A corpus: its name, its licence, and its files; where there are several, they lie in one folder."""

    name: str
    licence: str
    files: tuple[File, ...]

    @property
    def size(self) -> int:
        """Bytes of all its files."""
        return sum(file.content.size for file in self.files)

    def find(self, folder: Path) -> Path | None:
        """The verified file, or the folder of several, or ``None`` if not all is there.

        Raises:
            CorpusError: a file has wrong contents.
        """
        paths = [path for file in self.files if (path := file.find(folder)) is not None]
        return None if len(paths) < len(self.files) else paths[0] if len(paths) == 1 else paths[0].parent

    def fetch(self, folder: Path, timeout: float) -> Path:
        """The verified file, or the folder of several, after downloading what is not there.

        Raises:
            CorpusError: it is not there and cannot be had, or has wrong contents.
        """
        try:
            with _lock:
                for file in self.files:
                    if file.find(folder) is None:
                        file.download(folder, timeout)
            found = self.find(folder)
        except CorpusError:
            raise
        except OSError as error:
            raise CorpusError(
                f"cannot keep {self.name} in {folder}: {error.strerror or error}. "
                f"Set the environment variable TINYRNN_DATA to a folder that can be read and written"
            ) from error
        assert found is not None
        size = found.stat().st_size
        if found.is_file() and size < self.size and found not in _noted:
            _noted.add(found)
            print(f"note: {found} has the first {size:,} of the {self.size:,} bytes of {self.name}", file=sys.stderr)
        return found


def _plain(path: str, url: str, size: int, sha256: str) -> File:
    return File(path, f"https://{url}", Content(size, f"sha256:{sha256}"))


_WIKITEXT = "raw.githubusercontent.com/pytorch/examples/main/word_language_model/data/wikitext-2"
_SHAKESPEARE = Content(3_801_088, "sha256:dfed9d3c4f1f2dbd6495123cbd7ef03b3de64639a6d48bafe4fa33d2363907f9")  # its beginning
SOURCES = {
    source.name: source
    for source in (
        Source("tinyshakespeare", "public domain", (
            _plain(
                "tinyshakespeare/input.txt", "raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt",
                1_115_394, "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
            ),
        )),
        Source("shakespeare", "public domain", (
            File(
                "shakespeare/shakespeare_input.txt", "https://cs.stanford.edu/people/karpathy/char-rnn/shakespeare_input.txt",
                Content(4_573_338, _SHAKESPEARE.digest, hashed=_SHAKESPEARE.size),
                prefix=("shakespeare/shakespeare_input.txt", _SHAKESPEARE),
            ),
        )),
        Source("nietzsche", "public domain (US)", (
            _plain(
                "nietzsche/nietzsche.txt", "s3.amazonaws.com/text-datasets/nietzsche.txt",
                600_901, "23cf69874ab69d3d256099ab530ea4be24d47d9675b673bcc67cbcd6298ec647",
            ),
        )),
        Source("time_machine", "public domain", (
            _plain(
                "timemachine/timemachine.txt", "d2l-data.s3-accelerate.amazonaws.com/timemachine.txt",
                178_979, "8424dbd9532ac81f7e5f0b6add90e6952baea29158309d7d1bf3884f4e12c516",
            ),
        )),
        Source("wikitext2", "CC BY-SA 3.0", (
            _plain(
                "wikitext-2/train.txt", f"{_WIKITEXT}/train.txt",
                10_797_148, "9e9fa1ad55b1c2c95b08e37dd8e653f638fac2c6de904b79e813611eefbc985f",
            ),
            _plain(
                "wikitext-2/valid.txt", f"{_WIKITEXT}/valid.txt",
                1_121_681, "f0737ed31fc1329026e95cb8b98e19c2a182c39c240ab909dc31abf2f8af58e8",
            ),
            _plain(
                "wikitext-2/test.txt", f"{_WIKITEXT}/test.txt",
                1_256_449, "d790b833ef8cf03a90db7bf1271b7520b83c45ce07ba3c1a9699df81e239eca0",
            ),
        )),
        Source("text8", "CC BY-SA (Wikipedia)", (
            File(
                "text8/text8", "https://mattmahoney.net/dc/text8.zip",
                Content(100_000_000, "sha1:0dc3edebc970dcc96137e7deda4d9995af9d93de"),
                archive=Content(31_344_016, "sha1:6c70299b93b7e1f927b42cd8f6ac1a31547c7a2e"),
                prefix=(
                    "text8/text8.first3010294.txt",
                    Content(3_010_294, "sha256:f3413b8d00bc41ef9dda3f92d1c7d028545d385ed476e518fdb0491f57e5a137"),
                ),
            ),
        )),
    )
}  # fmt: skip
NAMES = tuple(SOURCES)


def folder() -> Path:
    """The folder of the corpora: ``TINYRNN_DATA`` if it is set, else ``tinyrnn`` in the user's cache.

    The cache is ``XDG_CACHE_HOME`` or ``~/.cache``, on macOS ``~/Library/Caches``, on Windows ``%LOCALAPPDATA%``.
    """
    if given := os.environ.get("TINYRNN_DATA"):
        return Path(given).expanduser()
    if sys.platform == "win32":
        cache = os.environ.get("LOCALAPPDATA") or "~/AppData/Local"
    elif sys.platform == "darwin":
        cache = "~/Library/Caches"
    else:
        cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(cache).expanduser() / "tinyrnn"


def _source(name: str) -> Source:
    if name not in SOURCES:
        raise ValueError(f"unknown corpus {name!r}: there are {', '.join(NAMES)}")
    return SOURCES[name]


def fetch(name: str, *, timeout: float = 30.0) -> Path:
    """The verified file of a corpus, downloaded if it is not in :func:`folder`; for ``wikitext2`` the folder of its three.

    A download that breaks off is resumed, by the next call too. Of ``shakespeare`` and ``text8`` a known first part
    will do where it lies in place of the whole; a note on standard error says so.

    Args:
        name: one of ``NAMES``.
        timeout: seconds without a single byte after which a server is given up.

    Raises:
        ValueError: an unknown name.
        CorpusError: it is not there and cannot be downloaded, or there is a file in its place with other contents.
    """
    return _source(name).fetch(folder(), timeout)


def load(name: str, part: str | None = None) -> str:
    """The text of a corpus, see :func:`fetch`; of ``wikitext2`` the ``part`` "train", "valid" or "test".

    Raises:
        ValueError: an unknown name or part.
        CorpusError: as :func:`fetch`.
    """
    files = _source(name).files
    parts = [Path(file.path).stem for file in files] if len(files) > 1 else [None]
    if part not in parts:
        expected = "is one text, without parts" if parts == [None] else f"has the parts {', '.join(map(repr, parts))}"
        raise ValueError(f"{name} {expected}: got part={part!r}")
    path = fetch(name)
    return read_text(path if part is None else path / f"{part}.txt")
