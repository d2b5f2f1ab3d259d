"""Small networks, healthy and sick, for `mg.doctor`. Each says which rule should name it; None is for the healthy.

They fall into two halves, by the first hexadecimal digit of the SHA-256 of their names: rules were tuned on the even one alone.
"""

import healthy_architectures  # noqa: F401 (they enter themselves into the register)
import healthy_mlps  # noqa: F401
import healthy_policies  # noqa: F401
import sick_losses  # noqa: F401
import sick_signals  # noqa: F401
import sick_steps  # noqa: F401
from material import ZOO

__all__ = ["ZOO"]
