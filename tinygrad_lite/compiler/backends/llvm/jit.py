"""From LLVM's text to a function in memory.

`host()` says what this processor can do, `object_code(text)` turns text into machine code and
`load(code, entry)` makes a callable of it. `compile_ir` does both and keeps the code on disk. This
is the only file of the package that imports llvmlite.
"""

from __future__ import annotations

import ctypes
import functools
import importlib
import importlib.util
import os
import time
from pathlib import Path
from typing import Any, NamedTuple

from tinygrad_lite.compiler.backends.llvm import cache

MISSING = (
    "compiled code needs llvmlite, which is not installed.\n"
    '  Install it with: pip install "tinygrad-lite[compile]". Without it the same program runs in NumPy\n'
    "  or in plain Python, more slowly."
)

OLDEST = (0, 45)
"""The first llvmlite whose LLVM reads this text."""


class Host(NamedTuple):
    """A processor to write code for."""

    lanes: int
    """Doubles in its widest register: 8 (AVX-512), 4 (AVX2) or 2 (SSE2, NEON)."""
    cpu: str
    """LLVM's name for it."""
    features: str
    """What it can do, as LLVM writes it: `+avx2,+fma,...`."""
    triple: str
    """Architecture, vendor and system."""


class Compiled:
    """A function in memory, which takes one pointer and gives nothing back.

    The machine code lives as long as this object, or its `call`, does.

    Attributes:
        call: `call(pointer)` runs it; the interpreter lock is released meanwhile.
        address: where its first instruction lies.
        cached: True if the code came from the disk.
        seconds: what it took to get here.
    """

    __slots__ = ("call", "address", "cached", "seconds", "_engine")

    def __init__(self, engine: Any, entry: str, cached: bool, seconds: float) -> None:
        self._engine = engine
        self.address: int = engine.get_function_address(entry)
        if not self.address:
            raise ValueError(f"the code defines no function {entry!r}; define it with external linkage.")
        self.call: Any = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(self.address)
        self.call._engine = engine  # type: ignore[attr-defined]
        self.cached: bool = cached
        self.seconds: float = seconds

    def bound(self, pointer: int, result: Any = None) -> tuple[Any, Any]:
        """A function and the argument to give it, for many calls with one pointer: nothing is converted at a call.

        `result` is the type in ctypes of what it returns, if it returns anything.
        """
        plain = ctypes.CFUNCTYPE(result)(self.address)  # no argument is declared: a reference is passed on as it is
        plain._engine = self._engine  # type: ignore[attr-defined]
        return plain, ctypes.byref(ctypes.c_char.from_address(pointer))

    def function(self, name: str, pointers: int = 1) -> Any:
        """Another function of the same module, which takes so many pointers."""
        found = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * pointers)(self._engine.get_function_address(name))
        found._engine = self._engine  # type: ignore[attr-defined]
        return found


def available() -> bool:
    """True if llvmlite is installed."""
    try:
        return importlib.util.find_spec("llvmlite") is not None
    except (ImportError, ValueError):
        return False


@functools.cache
def _binding() -> Any:
    """llvmlite's binding, with the target of this machine set up."""
    try:
        binding = importlib.import_module("llvmlite.binding")
    except ImportError as reason:
        raise ImportError(MISSING) from reason
    found = importlib.import_module("llvmlite").__version__
    if tuple(int(part) for part in found.split(".")[:2]) < OLDEST:
        raise ImportError(f"compiled code needs llvmlite {OLDEST[0]}.{OLDEST[1]} or newer, but {found} is installed.")
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    return binding


@functools.cache
def host() -> Host:
    """This machine.

    Raises:
        ImportError: llvmlite is not installed.

    >>> host().lanes in (2, 4, 8)
    True
    """
    binding = _binding()
    can = binding.get_host_cpu_features()
    features = can.flatten()
    if can.get("avx512f") and can.get("avx512dq") and can.get("avx512vl"):
        lanes = 8
        features += ",-prefer-256-bit"  # else LLVM splits each vector of 8 in two
    elif can.get("avx2"):
        lanes = 4
    else:
        lanes = 2
    triple = binding.get_default_triple()
    if os.name == "nt":
        triple += "-elf"  # the loader of code in memory reads no other format there
    return Host(lanes, binding.get_host_cpu_name(), features, triple)


def object_code(ir: str, machine: Host | None = None, opt: int = 2) -> bytes:
    """The machine code of a module in LLVM's text, as an object file.

    Calls of functions marked `alwaysinline` are replaced by their bodies first; no other pass runs, since
    the text is written the way it shall be executed. `opt` is LLVM's effort in choosing instructions, 0 to 3.

    Raises:
        ValueError: LLVM refuses the text; the message is LLVM's.
    """
    machine = machine or host()
    code = _emit(ir, machine, opt, "small")
    # the small model reads constants relative to the code, without an address in a register; but
    # a function of the C library may lie farther away than it can reach
    return _emit(ir, machine, opt, "jitdefault") if calls_outside(code) else code


def _emit(ir: str, machine: Host, opt: int, model: str) -> bytes:
    binding = _binding()
    target_machine = _target_machine(machine, opt, model)
    try:
        module = binding.parse_assembly(ir)
        module.triple = machine.triple
        module.verify()
    except RuntimeError as reason:
        raise ValueError(f"LLVM refuses this text: {str(reason).strip()}") from None
    builder = binding.create_pass_builder(target_machine, binding.create_pipeline_tuning_options(speed_level=0))
    passes = binding.create_new_module_pass_manager()
    passes.add_always_inliner_pass()
    passes.add_global_dead_code_eliminate_pass()
    passes.run(module, builder)
    return bytes(target_machine.emit_object(module))


def _target_machine(machine: Host, opt: int = 2, model: str = "jitdefault") -> Any:
    target = _binding().Target.from_triple(machine.triple)
    return target.create_target_machine(machine.cpu, machine.features, opt, "pic", model, jit=True)


def calls_outside(code: bytes) -> bool:
    """True if an object file needs a symbol that it does not define (or is of another format than ELF)."""
    if code[:5] != b"\x7fELF\x02":
        return True
    sections = {s.name(): s.data() for s in _binding().object_file.ObjectFileRef.from_data(code).sections()}
    symbols = sections.get(b".symtab", b"")[24:]  # 24 bytes a symbol; the first is empty
    return any(symbols[at + 6 : at + 8] == b"\0\0" for at in range(0, len(symbols), 24))  # section 0: not defined here


def load(code: bytes, entry: str, machine: Host | None = None, cached: bool = False, started: float = 0.0) -> Compiled:
    """A callable made of an object file; `entry` is the name of its function.

    Raises:
        ValueError: the object file has no function of that name.
    """
    binding = _binding()
    machine = machine or host()
    module = binding.parse_assembly("")
    module.triple = machine.triple
    # one block of memory for code and constants together, so that they are within reach of each other
    engine = binding.create_mcjit_compiler(module, _target_machine(machine), use_lmm=True)
    engine.add_object_file(binding.object_file.ObjectFileRef.from_data(code))
    engine.finalize_object()
    return Compiled(engine, entry, cached, time.perf_counter() - started if started else 0.0)


@functools.cache
def _versions() -> tuple[str, ...]:
    """The package, the text of the package, llvmlite and LLVM: code made by others of them is not used."""
    from tinygrad_lite import __version__

    texts = [file.read_text(encoding="utf-8") for file in sorted(Path(__file__).parents[2].rglob("*.py"))]
    tools = (str(importlib.import_module("llvmlite").__version__), str(_binding().llvm_version_info))
    return (__version__, cache.key(*texts), *tools)


def code_key(*parts: str, machine: Host | None = None) -> str:
    """The cache's name for code made from these parts, for that machine, by these versions of the tools."""
    return cache.key(*parts, *map(str, machine or host()), *_versions())


def ir_key(ir: str, machine: Host | None = None, opt: int = 2) -> str:
    """The cache's name for the machine code of this text."""
    return code_key("ir", ir, str(opt), machine=machine)


def compile_ir(ir: str, entry: str, machine: Host | None = None, opt: int = 2) -> Compiled:
    """A callable for the function `entry` of a module in LLVM's text, from the disk if it is there.

    `entry` takes one pointer and returns nothing: `define void @entry(ptr %arguments)`.

    Raises:
        ImportError: llvmlite is not installed.
        ValueError: LLVM refuses the text.

    >>> double = compile_ir('''define void @double(ptr %p) {
    ...   %x = load double, ptr %p
    ...   %y = fadd double %x, %x
    ...   store double %y, ptr %p
    ...   ret void
    ... }''', "double")
    >>> import ctypes
    >>> number = ctypes.c_double(21.0)
    >>> double.call(ctypes.addressof(number))
    >>> number.value
    42.0
    """
    started = time.perf_counter()
    name = ir_key(ir, machine, opt)
    code = cache.load(name)
    cached = code is not None
    if code is None:
        code = object_code(ir, machine, opt)
        cache.store(name, code)
    return load(code, entry, machine, cached, started)
