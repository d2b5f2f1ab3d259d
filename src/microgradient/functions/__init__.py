"""The functions of the Python array API standard 2025.12 (https://data-apis.org/array-api), one file per chapter.

Each takes tensors, NumPy arrays, Python numbers and nested lists, gives tensors, and is differentiable where a derivative
exists. They are all under `mg.`; here is their list.
"""

from . import (
    complex_numbers,
    composite,
    constants,
    creation,
    data_types,
    dtypes,
    elementwise,
    histograms,
    indexing,
    info,
    linalg,
    manipulation,
    methods,
    numpy_functions,
    order_statistics,
    pointwise,
    products,
    sampled,
    scattering,
    searching,
    sets,
    sorting,
    statistical,
    utility,
)
from .calls import answer_calls
from .complex_numbers import *
from .composite import *
from .constants import *
from .creation import *
from .data_types import *
from .dtypes import *
from .elementwise import *
from .histograms import *
from .indexing import *
from .info import *
from .manipulation import *
from .order_statistics import *
from .products import *
from .sampled import *
from .scattering import *
from .searching import *
from .sets import *
from .sorting import *
from .statistical import *
from .utility import *

methods.attach()
numpy_functions.attach()

__all__ = ["linalg"]
__all__ += complex_numbers.__all__
__all__ += composite.__all__
__all__ += constants.__all__
__all__ += creation.__all__
__all__ += data_types.__all__
__all__ += dtypes.__all__
__all__ += elementwise.__all__
__all__ += histograms.__all__
__all__ += indexing.__all__
__all__ += info.__all__
__all__ += manipulation.__all__
__all__ += order_statistics.__all__
__all__ += products.__all__
__all__ += sampled.__all__
__all__ += scattering.__all__
__all__ += searching.__all__
__all__ += sets.__all__
__all__ += sorting.__all__
__all__ += statistical.__all__
__all__ += utility.__all__

answer_calls(__name__, [name for name in __all__ if name not in pointwise.__all__], "mg.")
answer_calls(linalg.__name__, linalg.__all__, "mg.linalg.")
