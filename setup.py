"""The one part that is compiled, where there is a compiler; without one the portal installs and works all the same.

Everything else about the package stands in pyproject.toml. HP_PORTAL_PURE=1 leaves the compiled part out, for a wheel that
fits every machine.
"""

import os

from setuptools import Extension, setup

FAST_CLAIMS = Extension(
    "hp_portal_plugins.remittance.x12._fast_claims",
    ["plugins/remittance/x12/_fast_claims.c"],
    define_macros=[("Py_LIMITED_API", "0x030B0000")],
    py_limited_api=True,
    optional=True,
)

pure = bool(os.environ.get("HP_PORTAL_PURE"))
setup(
    ext_modules=[] if pure else [FAST_CLAIMS],
    options={} if pure else {"bdist_wheel": {"py_limited_api": "cp311"}},
)
