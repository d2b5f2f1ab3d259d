"""Libraries written for the array API standard take tensors: SciPy and scikit-learn, which know nothing of ours."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

PROGRAM = """
import numpy as np
import microgradient as mg
from scipy import special, stats
from sklearn import config_context
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

a = np.random.default_rng(0).normal(size=(20, 4))
x = mg.asarray(a)

def same(f):
    ours, theirs = f(x), f(a)
    assert isinstance(ours, mg.Tensor), type(ours)
    np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12)

same(special.logsumexp)
same(lambda v: special.softmax(v, axis=1))
same(lambda v: stats.zscore(v, axis=1))
same(lambda v: stats.skew(v, axis=0))
same(lambda v: stats.pearsonr(v[:, 0], v[:, 1]).statistic)
same(lambda v: stats.ttest_ind(v[:, 0], v[:, 1]).pvalue)
with config_context(array_api_dispatch=True):
    same(lambda v: StandardScaler().fit_transform(v))
    same(lambda v: abs(PCA(2, svd_solver="full").fit_transform(v)))
    same(lambda v: Ridge(solver="svd").fit(v, v[:, 0]).coef_)
g = mg.grad(lambda v: special.logsumexp(v))(x)
np.testing.assert_allclose(g, special.softmax(a), rtol=1e-9)
"""


@pytest.mark.slow
def test_scipy_and_scikit_learn_compute_with_tensors():
    pytest.importorskip("sklearn")
    environment = os.environ | {"SCIPY_ARRAY_API": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
