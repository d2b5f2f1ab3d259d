"""`torch.utils.model_zoo`: nothing is fetched from the network."""

from __future__ import annotations

from ..refused import absent

load_url = absent("hub", "load_state_dict_from_url")
