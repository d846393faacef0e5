"""From LLVM's text to a function in memory, and through the cache on disk."""

import ctypes
import gc
import math
import sys
import threading

import pytest

pytest.importorskip("llvmlite")

from tinygrad_lite.compiler.backends.llvm import jit

DOUBLE = """define void @double(ptr %p) {
  %x = load double, ptr %p
  %y = fadd double %x, %x
  store double %y, ptr %p
  ret void
}"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("TINYGRAD_LITE_CACHE", str(tmp_path / "kept"))
    return tmp_path / "kept"


def doubled(compiled, x=21.0):
    number = ctypes.c_double(x)
    compiled.call(ctypes.addressof(number))
    return number.value


def test_a_function_runs_and_the_second_time_comes_from_the_disk(place):
    first = jit.compile_ir(DOUBLE, "double")
    second = jit.compile_ir(DOUBLE, "double")

    assert (first.cached, second.cached) == (False, True)
    assert doubled(first) == doubled(second) == 42.0
    assert first.address != second.address


@pytest.mark.parametrize("damage", [lambda raw: raw[:100], lambda raw: b"", lambda raw: raw[:-1] + b"\0\1"])
def test_a_damaged_entry_is_compiled_again_and_mended(place, damage):
    jit.compile_ir(DOUBLE, "double")
    (entry,) = place.glob("*.tgcode")
    entry.write_bytes(damage(entry.read_bytes()))

    again, after = jit.compile_ir(DOUBLE, "double"), jit.compile_ir(DOUBLE, "double")

    assert (again.cached, after.cached) == (False, True)
    assert doubled(again) == doubled(after) == 42.0


def test_another_machine_or_effort_is_another_entry(place):
    host = jit.host()
    jit.compile_ir(DOUBLE, "double")
    jit.compile_ir(DOUBLE, "double", opt=1)
    other = jit.compile_ir(DOUBLE, "double", machine=host._replace(cpu="", features=""))

    assert not other.cached
    assert len(list(place.glob("*.tgcode"))) == 3


def test_off_compiles_each_time(monkeypatch):
    monkeypatch.setenv("TINYGRAD_LITE_CACHE", "off")

    assert not jit.compile_ir(DOUBLE, "double").cached
    assert not jit.compile_ir(DOUBLE, "double").cached


@pytest.mark.long
def test_the_code_lives_as_long_as_its_call():
    call = jit.compile_ir(DOUBLE, "double").call
    gc.collect()
    number = ctypes.c_double(4.0)
    call(ctypes.addressof(number))

    assert number.value == 8.0


@pytest.mark.long
def test_dropped_code_is_freed():
    resource = pytest.importorskip("resource")
    code = jit.object_code(DOUBLE)
    for _ in range(50):
        jit.load(code, "double")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(500):
        jit.load(code, "double")

    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000  # KiB; 500 leaked engines take more


def test_text_that_llvm_refuses_says_what_llvm_said():
    with pytest.raises(ValueError, match=r"(?s)LLVM refuses this text.*undefined value '%q'"):
        jit.object_code(DOUBLE.replace("%x, %x", "%x, %q"))


def test_an_entry_that_is_not_there_is_named():
    with pytest.raises(ValueError, match="defines no function 'triple'"):
        jit.compile_ir(DOUBLE, "triple")


def test_the_c_library_can_be_called():
    cosh = DOUBLE.replace("fadd double %x, %x", "call double @cosh(double %x)") + "\ndeclare double @cosh(double)"

    assert doubled(jit.compile_ir(cosh, "double"), 1.0) == pytest.approx(math.cosh(1.0), rel=1e-15)


def test_two_threads_run_one_function_while_the_interpreter_goes_on():
    """Each waits in machine code until the interpreter sets its flag, or until it has counted for many seconds."""
    wait = """define void @wait(ptr %flag) {
start:
  br label %next
next:
  %i = phi i64 [0, %start], [%j, %next]
  %j = add i64 %i, 1
  %f = load volatile double, ptr %flag
  %waiting = fcmp oeq double %f, 0.0
  %short = icmp slt i64 %j, 20000000000
  %more = and i1 %waiting, %short
  br i1 %more, label %next, label %done
done:
  %seen = fadd double %f, 2.0
  store double %seen, ptr %flag
  ret void
}"""
    compiled = jit.compile_ir(wait, "wait")
    flags = [ctypes.c_double(), ctypes.c_double()]
    threads = [threading.Thread(target=compiled.call, args=(ctypes.addressof(flag),)) for flag in flags]
    for thread in threads:
        thread.start()
    for flag in flags:
        flag.value = 1.0
    for thread in threads:
        thread.join()

    assert [flag.value for flag in flags] == [3.0, 3.0]  # each saw its flag set


def test_the_host_is_one_of_the_known_kinds():
    host = jit.host()

    assert host.lanes in (2, 4, 8)
    assert host.triple
    assert ("-prefer-256-bit" in host.features) == (host.lanes == 8)


def test_without_llvmlite_the_error_says_what_to_install(monkeypatch):
    jit._binding.cache_clear()
    monkeypatch.setitem(sys.modules, "llvmlite.binding", None)
    try:
        with pytest.raises(ImportError, match=r"tinygrad-lite\[compile\]"):
            jit.object_code(DOUBLE)
    finally:
        monkeypatch.undo()
        jit._binding.cache_clear()

    assert jit.available()


def test_an_llvmlite_that_is_too_old_is_named(monkeypatch):
    jit._binding.cache_clear()
    monkeypatch.setattr("llvmlite.__version__", "0.44.0")
    try:
        with pytest.raises(ImportError, match=r"llvmlite 0\.45 or newer, but 0\.44\.0 is installed"):
            jit.object_code(DOUBLE)
    finally:
        monkeypatch.undo()
        jit._binding.cache_clear()


def test_the_key_covers_the_versions_of_the_tools(monkeypatch):
    before = jit.code_key("x")
    assert before == jit.code_key("x")

    jit._versions.cache_clear()
    monkeypatch.setattr("tinygrad_lite.__version__", "0.0.0")
    after = jit.code_key("x")
    jit._versions.cache_clear()

    assert before != after


def test_calls_of_the_c_library_are_seen_in_the_object_file():
    cosh = DOUBLE.replace("fadd double %x, %x", "call double @cosh(double %x)") + "\ndeclare double @cosh(double)"

    assert jit.calls_outside(jit.object_code(cosh))
    assert not jit.calls_outside(jit.object_code(DOUBLE))
