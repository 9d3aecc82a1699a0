"""Files: tensors go and come back bit for bit, and a file is whole or not there."""

import errno
import os
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tinyrnn
from tinyrnn.serialization import load_tensors, replacing, save_tensors

DTYPES = ["float64", "float32", "float16", "int64", "int32", "int16", "int8", "uint8", "bool"]
arrays = st.sampled_from(DTYPES).flatmap(lambda d: hnp.arrays(d, hnp.array_shapes(min_dims=0, min_side=0, max_side=4)))


@given(
    st.dictionaries(st.text(min_size=1).filter(lambda s: s != "__metadata__"), arrays, max_size=4), st.dictionaries(st.text(), st.text())
)
def test_round_trip(tmp_path_factory, contents, metadata):
    path = tmp_path_factory.getbasetemp() / "tensors"
    save_tensors({name: tinyrnn.tensor(a) for name, a in contents.items()}, path, metadata)
    tensors, read = load_tensors(path)
    assert read == metadata and tensors.keys() == contents.keys()
    for name, a in contents.items():
        b = tensors[name].numpy()
        assert b.dtype == a.dtype and b.shape == a.shape and b.tobytes() == a.tobytes()


def test_views_are_written_as_they_look(tmp_path):
    t = tinyrnn.arange(12).reshape(3, 4)
    save_tensors({"t": t.T, "column": t[:, 1], "scalar": t.sum()}, tmp_path / "f")
    tensors, metadata = load_tensors(tmp_path / "f")
    assert tensors["t"].tolist() == t.T.tolist() and tensors["column"].tolist() == [1, 5, 9] and tensors["scalar"].tolist() == 66
    assert metadata == {}


def test_others_read_what_we_write(tmp_path):
    numpy = pytest.importorskip("safetensors.numpy")
    save_tensors({"a": tinyrnn.eye(3)}, str(tmp_path / "f").encode())  # a path may be bytes
    assert np.array_equal(numpy.load_file(tmp_path / "f")["a"], np.eye(3, dtype=np.float32))


def file_with(header, data=b""):
    return struct.pack("<Q", len(header)) + header + data


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"short",
        b"PK\x03\x04" + bytes(100),
        bytes(1000),
        struct.pack("<Q", 2**62) + b"{}",
        file_with(b"not json"),
        file_with(b"[]"),
        file_with(b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}', b"four"),
        file_with(b'{"a":{"dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,0]}}'),
    ],
)
def test_other_files_are_refused_by_name(tmp_path, content):
    (tmp_path / "other file").write_bytes(content)
    with pytest.raises(ValueError, match="other file is not a safetensors file, or is damaged"):
        load_tensors(tmp_path / "other file")


@pytest.mark.parametrize(("kind", "size"), [("BF16", 2), ("U32", 4), ("F8_E4M3", 1), ("C64", 8)])
def test_numbers_that_no_tensor_holds_are_refused(tmp_path, kind, size):
    (tmp_path / "f").write_bytes(file_with(b'{"a":{"dtype":"%s","shape":[1],"data_offsets":[0,%d]}}' % (kind.encode(), size), bytes(size)))
    with pytest.raises(ValueError, match=rf"f: 'a' holds numbers of type {kind}\. Convert them to one that tinyrnn reads: F64, F32"):
        load_tensors(tmp_path / "f")


def test_what_cannot_be_opened_says_so_naturally(tmp_path):
    with pytest.raises(FileNotFoundError):
        load_tensors(tmp_path / "none")
    with pytest.raises(IsADirectoryError):
        load_tensors(tmp_path)


# -- writing --


def no_space(*args):
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("fault", ["open", "write", "fsync", "replace", "interrupt"])
@pytest.mark.parametrize("existing", [True, False])
def test_a_write_that_fails_leaves_the_folder_as_it_was(tmp_path, monkeypatch, fault, existing):
    path = tmp_path / "f"
    if existing:
        path.write_bytes(b"old")
    expected = OSError
    if fault == "open":
        monkeypatch.setattr("builtins.open", no_space)
    elif fault in ("fsync", "replace"):
        monkeypatch.setattr(os, fault, no_space)

    def write():
        with replacing(path) as file:
            file.write(b"new, and half of it")
            if fault == "write":
                no_space()
            if fault == "interrupt":
                raise KeyboardInterrupt

    if fault == "interrupt":
        expected = KeyboardInterrupt
    with pytest.raises(expected) as caught:
        write()
    monkeypatch.undo()
    if expected is OSError:
        assert caught.value.filename == str(path) and caught.value.errno == errno.ENOSPC
    assert [p.name for p in tmp_path.iterdir()] == ["f"] * existing
    assert not existing or path.read_bytes() == b"old"


def test_the_old_file_is_there_until_the_new_one_is_complete(tmp_path, monkeypatch):
    path = tmp_path / "f"
    path.write_bytes(b"old")
    order = []
    for name in ("fsync", "replace"):
        real = getattr(os, name)
        monkeypatch.setattr(os, name, lambda *args, name=name, real=real: (order.append((name, path.read_bytes())), real(*args)))
    with replacing(path) as file:
        file.write(b"new")
    assert order == [("fsync", b"old"), ("replace", b"old")] and path.read_bytes() == b"new"


@pytest.mark.parametrize("path", ["none/f", "file/f", "n" * 300])
def test_a_place_that_does_not_exist(tmp_path, path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OSError) as caught, replacing(tmp_path / path):
        pass
    assert caught.value.filename == str(tmp_path / path)


@pytest.mark.parametrize("path", ["", os.devnull, "pipe"])
def test_nothing_but_a_file_is_replaced(tmp_path, monkeypatch, path):
    """As root, os.replace would put a file in the place of /dev/null."""
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    replaced = []
    monkeypatch.setattr(os, "replace", lambda *names: replaced.append(names))
    with pytest.raises(OSError, match="Not a regular file"), replacing(path):
        pass
    assert not replaced and os.listdir() == ["pipe"]


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "there" / "f")
    for content in (b"1", b"2"):
        with replacing(tmp_path / "link") as file:
            file.write(content)
        assert (tmp_path / "link").is_symlink() and (tmp_path / "there" / "f").read_bytes() == content
