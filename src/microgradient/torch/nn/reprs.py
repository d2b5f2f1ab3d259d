"""What PyTorch's layers show between the brackets of their reprs, and as the `grad_fn` of several results, where that isn't
what Microgradient's show.
"""

from __future__ import annotations

from typing import Any

_PADDINGS = [f"{kind}Pad{n}d" for kind in ("Zero", "Reflection", "Replication", "Circular") for n in (1, 2, 3)]
_BARE = "CTCLoss CosineSimilarity PairwiseDistance MultiheadAttention FractionalMaxPool2d FractionalMaxPool3d"
_SHOWN = {
    "EmbeddingBag": "{num_embeddings}, {embedding_dim}, mode={mode!r}",
    "Hardshrink": "{lambd}",
    "LocalResponseNorm": "{size}, alpha={alpha}, beta={beta}, k={k}",
    "Softshrink": "{lambd}",
    "Upsample": "{scale}, mode={mode!r}",
    "UpsamplingBilinear2d": "{scale}, mode='bilinear'",
    "UpsamplingNearest2d": "{scale}, mode='nearest'",
    **dict.fromkeys(_PADDINGS, "{padding}"),
    **dict.fromkeys(_BARE.split(), ""),
}


def shown(name: str, layer: Any) -> str | None:
    """The text for a layer of the class `name`, None if it is that of Microgradient's."""
    text = _SHOWN.get(name)
    if not text:
        return text
    size = vars(layer).get("size")
    factor = vars(layer).get("scale_factor")
    factors = tuple(map(float, factor)) if isinstance(factor, tuple) else factor and float(factor)
    return text.format_map({**vars(layer), "scale": f"scale_factor={factors}" if size is None else f"size={size}"})


def functions(name: str, layer: Any, ndim: int) -> tuple[str, ...]:
    """The functions that gave the first result, of `ndim` axes, and the others, of a recurrent layer or an attention."""
    if name == "MultiheadAttention":
        return ("transpose1" if layer.batch_first else "view") if ndim == 3 else "squeeze", "mean"
    if name not in ("RNN", "GRU", "LSTM"):
        return ()
    if ndim == 2:
        return ("squeeze",) * 3
    lstm = name == "LSTM"
    turned = "transpose" if lstm and not layer.bidirectional else "transpose1"
    straight = "cat" if layer.bidirectional else "mkldnn_rnn_layer" if lstm else "stack"
    return turned if layer.batch_first else straight, "stack", "stack"
