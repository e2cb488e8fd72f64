"""These tests run GPU kernels on the CPU by Triton's interpreter, which Triton is told about before it is imported."""

import os
import sys

if "triton" in sys.modules:
    raise RuntimeError("Triton is imported already, to compile kernels: run tests/interpreted on its own")
os.environ["TRITON_INTERPRET"] = "1"
