"""The files of a form: where they lie while the request runs, what they read as, and that nothing of them stays."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest
from descriptors import open_descriptors
from hypothesis import given
from hypothesis import strategies as st

from twistedsite.http.message.forms import FormError, parse_body
from twistedsite.http.message.uploads import MEMORY, SPOOL_AT, Upload, UploadSpool, close_all, plain_filename
from twistedsite.settings.server import FormLimits

BIG = bytes(range(256)) * (SPOOL_AT // 256) + b"end"


def spooled(*contents: bytes) -> list[Upload]:
    spool = UploadSpool()
    uploads = []
    for content in contents:
        spool.write(content)
        file, size = spool.take()
        uploads.append(Upload("f", "f.bin", "application/octet-stream", file, size))
    spool.close()
    return uploads


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("photo.jpg", "photo.jpg"),
        ("C:\\Users\\ann\\photo.jpg", "photo.jpg"),
        ("../../etc/passwd", "passwd"),
        ("a/b\\c", "c"),
        ("..", ""),
        (".", ""),
        ("dir/", ""),
        ("line\r\nbreak\x00.txt", "linebreak.txt"),
        ("grüße €.txt", "grüße €.txt"),
    ],
)
def test_a_clients_file_name_is_its_last_segment(sent: str, kept: str) -> None:
    assert plain_filename(sent) == kept


def test_a_thousand_large_files_cost_one_descriptor() -> None:
    before = open_descriptors()
    uploads = spooled(*(b"%d:" % number + BIG for number in range(200)))
    assert open_descriptors() == before + 1
    assert uploads[150].value == b"150:" + BIG
    close_all(uploads)
    assert open_descriptors() == before


def test_many_small_files_fill_no_memory() -> None:
    before = open_descriptors()
    uploads = spooled(*[b"x" * SPOOL_AT] * (MEMORY // SPOOL_AT))
    assert open_descriptors() == before
    more = spooled(*[b"x" * SPOOL_AT] * (MEMORY // SPOOL_AT + 1))
    assert open_descriptors() == before + 1
    close_all(uploads + more)
    assert open_descriptors() == before


def test_each_large_file_has_its_own_position() -> None:
    one, two = spooled(b"1" + BIG, b"2" + BIG)
    assert one.file.read(3) == b"1\x00\x01"
    assert two.file.read(3) == b"2\x00\x01"
    assert one.file.read(2) == b"\x02\x03"
    assert one.value == b"1" + BIG
    assert one.file.read(1) == b"\x04"
    one.close()
    assert two.file.read(1) == b"\x02"
    two.close()


def test_a_closed_large_file_is_closed_for_good() -> None:
    one, two = spooled(BIG, BIG)
    one.close()
    one.close()
    with pytest.raises(ValueError, match="closed"):
        one.file.read()
    assert two.value == BIG
    two.close()


@given(
    st.lists(
        st.tuples(st.just("read"), st.integers(-1, SPOOL_AT * 2))
        | st.tuples(st.sampled_from([os.SEEK_SET, os.SEEK_CUR, os.SEEK_END]), st.integers(-10, SPOOL_AT * 2)),
        max_size=8,
    )
)
def test_a_large_file_reads_and_seeks_like_one_in_memory(steps: list[tuple[str | int, int]]) -> None:
    before, upload = spooled(b"before" + BIG, BIG)
    model = io.BytesIO(BIG)
    for step, number in steps:
        if step == "read":
            assert upload.file.read(number) == model.read(number)
            continue
        assert isinstance(step, int)
        if {os.SEEK_SET: 0, os.SEEK_CUR: model.tell(), os.SEEK_END: len(BIG)}[step] + number >= 0:
            assert upload.file.seek(number, step) == model.seek(number, step)
        assert upload.file.tell() == model.tell()
    close_all([before, upload])


def test_a_large_file_has_nothing_before_its_beginning() -> None:
    before, upload = spooled(b"before" + BIG, BIG)
    with pytest.raises(ValueError, match="before the beginning"):
        upload.file.seek(-1)
    close_all([before, upload])


def test_a_saved_upload_is_a_whole_file_wherever_it_has_been_read(tmp_path: Path) -> None:
    (upload,) = spooled(BIG)
    upload.file.read(10)
    upload.save(tmp_path / "saved")
    assert (tmp_path / "saved").read_bytes() == BIG
    assert upload.file.tell() == 0
    upload.close()


def test_a_refused_form_leaves_no_file_behind() -> None:
    head = b'--XyZ\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\n'
    body = head + BIG + b"\r\n" + head + BIG
    before = open_descriptors()
    with pytest.raises(FormError):
        parse_body(io.BytesIO(body), "multipart/form-data; boundary=XyZ", FormLimits())
    assert open_descriptors() == before


def test_an_upload_says_what_it_is_without_its_content() -> None:
    (upload,) = spooled(b"secret")
    assert repr(upload) == "<Upload 'f.bin', application/octet-stream, 6 bytes>"
