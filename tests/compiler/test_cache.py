"""The cache on disk: what is stored comes back, and nothing damaged is ever trusted."""

import os
import subprocess
import sys
import threading
import time

import pytest

from tinygrad_lite.compiler.backends.llvm import cache


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("TINYGRAD_LITE_CACHE", str(tmp_path / "kept"))
    return tmp_path / "kept"


def only_entry(place):
    (entry,) = place.glob("*.tgcode")
    return entry


def test_what_is_stored_comes_back(place):
    assert cache.load("k") is None
    assert cache.store("k", b"code")
    assert cache.load("k") == b"code"
    assert cache.load("other") is None
    assert [file.name for file in place.iterdir()] == ["k.tgcode"]


@pytest.mark.parametrize("length", [0, 1, 20, 60, 65])
def test_a_truncated_entry_is_not_used(place, length):
    cache.store("k", b"code")
    raw = only_entry(place).read_bytes()
    only_entry(place).write_bytes(raw[:length])

    assert length < len(raw) == 65 or length == 65
    assert cache.load("k") == (b"code" if length == 65 else None)


def test_no_single_flipped_byte_goes_unnoticed(place):
    cache.store("k", b"some machine code")
    raw = only_entry(place).read_bytes()
    for i in range(len(raw)):
        only_entry(place).write_bytes(raw[:i] + bytes([raw[i] ^ 1]) + raw[i + 1 :])

        assert cache.load("k") is None, f"byte {i} was altered and the entry was used"


def test_an_entry_under_another_name_is_foreign(place):
    cache.store("k", b"code")
    only_entry(place).rename(place / "other.tgcode")

    assert cache.load("other") is None


def test_a_bad_entry_is_replaced_by_the_next_store(place):
    cache.store("k", b"code")
    only_entry(place).write_bytes(b"rubbish")
    cache.store("k", b"code")

    assert cache.load("k") == b"code"


def test_concurrent_writers_leave_one_whole_entry(place):
    def write(i):
        for _ in range(30):
            cache.store("k", bytes([i]) * 10_000)
            got = cache.load("k")
            seen.append(got is not None and len(set(got)) == 1 and len(got) == 10_000)

    seen: list[bool] = []
    writers = [threading.Thread(target=write, args=(i,)) for i in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()

    assert len(seen) == 120
    assert all(seen)
    assert [file.name for file in place.iterdir()] == ["k.tgcode"]


@pytest.mark.long
def test_concurrent_processes_leave_one_whole_entry(place):
    program = (
        "from tinygrad_lite.compiler.backends.llvm import cache\n"
        "for i in range(50): assert cache.store('k', b'x' * 5000)"
    )
    writers = [subprocess.Popen([sys.executable, "-c", program]) for _ in range(2)]

    assert [writer.wait(60) for writer in writers] == [0, 0]
    assert cache.load("k") == b"x" * 5000
    assert [file.name for file in place.iterdir()] == ["k.tgcode"]


def test_off_keeps_nothing(monkeypatch, tmp_path):
    monkeypatch.setenv("TINYGRAD_LITE_CACHE", "off")
    monkeypatch.chdir(tmp_path)

    assert cache.folder() is None
    assert not cache.store("k", b"code")
    assert cache.load("k") is None
    assert cache.clear_cache() == 0
    assert list(tmp_path.iterdir()) == []


def test_clear_cache_removes_entries_and_nothing_else(place):
    cache.store("a", b"1")
    cache.store("b", b"2")
    (place / "notes.txt").write_text("mine")

    assert cache.clear_cache() == 2
    assert [file.name for file in place.iterdir()] == ["notes.txt"]


def test_a_folder_that_cannot_be_written_is_no_error(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TINYGRAD_LITE_CACHE", str(tmp_path / "file" / "below"))

    assert not cache.store("k", b"code")
    assert cache.load("k") is None


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="permissions in the sense of POSIX")
def test_a_folder_that_others_may_write_to_is_left_alone(place):
    cache.store("k", b"code")
    assert place.stat().st_mode & 0o777 == 0o700
    place.chmod(0o777)

    assert cache.load("k") is None
    assert not cache.store("k", b"code")


def test_the_oldest_entries_go_when_there_are_too_many(place, monkeypatch):
    monkeypatch.setattr(cache, "_MOST_ENTRIES", 10)
    for i in range(11):
        cache.store(f"k{i:02}", b"code")
        os.utime(place / f"k{i:02}.tgcode", (i, i))
    cache.store("last", b"code")

    assert sorted(file.stem for file in place.iterdir()) == [*(f"k{i:02}" for i in range(2, 11)), "last"]


def test_what_was_used_lately_stays_when_there_are_too_many_bytes(place, monkeypatch):
    for i in range(8):
        cache.store(f"k{i}", bytes(1000))
        os.utime(place / f"k{i}.tgcode", (i, i))
    assert cache.load("k0") is not None  # used now, so it is no longer the oldest
    monkeypatch.setattr(cache, "_MOST_BYTES", 8000)
    cache.store("last", bytes(1000))

    kept = sorted(file.stem for file in place.iterdir())
    assert kept == ["k0", "k4", "k5", "k6", "k7", "last"]
    assert cache.size() == (6, 6 * (1000 + 61))
    assert cache.size()[1] <= 0.9 * 8000


def test_a_draft_of_a_dead_writer_goes_after_an_hour(place):
    cache.store("k", b"code")
    for name, age in (("old.part", 4000), ("new.part", 10)):
        (place / name).write_bytes(b"half")
        os.utime(place / name, (time.time() - age,) * 2)
    cache.store("other", b"code")

    assert sorted(file.name for file in place.iterdir()) == ["k.tgcode", "new.part", "other.tgcode"]


def test_keys_tell_all_lists_of_parts_apart():
    keys = {cache.key(*parts) for parts in [("ab", "c"), ("a", "bc"), ("abc",), ("a", "b", "c"), (), ("",), ("", "")]}

    assert len(keys) == 7
