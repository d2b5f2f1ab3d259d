"""`torch.nn.common_types`: names for the types of sizes."""

from __future__ import annotations

from typing import Any, TypeAlias

_size_any_t = _size_1_t = _size_2_t = _size_3_t = _size_4_t = int | tuple[int, ...]
_size_any_opt_t = _size_2_opt_t = _size_3_opt_t = int | tuple[int | None, ...]
_ratio_any_t = _ratio_2_t = _ratio_3_t = float | tuple[float, ...]
_tensor_list_t: TypeAlias = Any
