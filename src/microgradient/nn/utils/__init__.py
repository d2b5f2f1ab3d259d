"""What is done to modules and to all parameters or gradients at once. (The package has PyTorch's name.)"""

from . import rnn, stateless
from .as_function import functional_call
from .clip_grad import clip_grad_norm_, clip_grad_value_, get_total_norm
from .convert_parameters import parameters_to_vector, vector_to_parameters

__all__ = [
    "clip_grad_norm_", "clip_grad_value_", "functional_call", "get_total_norm", "parameters_to_vector", "rnn", "stateless",
    "vector_to_parameters",
]  # fmt: skip
