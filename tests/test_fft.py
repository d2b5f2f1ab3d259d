"""Fourier transforms: NumPy's values over shapes, axes, lengths and norms; differences; compiled; there and back."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

import microgradient as mg
from microgradient.errors import ArgumentError, ShapeError

rng = np.random.default_rng(3)
X = rng.normal(size=(2, 5, 4))
Z = X + 1j * rng.normal(size=X.shape)
ONE = ["fft", "ifft", "rfft", "irfft", "hfft", "ihfft"]
SEVERAL = ["fftn", "ifftn", "rfftn", "irfftn", "fft2", "ifft2", "rfft2", "irfft2"]
REAL = {"rfft", "ihfft", "rfftn", "rfft2", "ihfftn", "ihfft2"}
NORMS = ["backward", "ortho", "forward"]


def given(name, x=None):
    return X if name in REAL else Z


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("name", ONE)
def test_along_one_axis_as_numpy(name, norm):
    for n in (None, 3, 4, 5, 7):
        for axis in (-1, 1):
            ours = getattr(mg.fft, name)(given(name), n=n, axis=axis, norm=norm)
            theirs = getattr(np.fft, name)(given(name), n=n, axis=axis, norm=norm)
            assert ours.dtype == theirs.dtype
            np.testing.assert_allclose(ours.raw, theirs, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("name", SEVERAL)
def test_along_several_axes_as_numpy(name, norm):
    for s, axes in [(None, (0, 1)), ((3, 6), (1, -1)), ((2, 3), (2, 0)), ((4, 4), (-2, -1))]:
        ours = getattr(mg.fft, name)(given(name), s=s, axes=axes, norm=norm)
        theirs = getattr(np.fft, name)(given(name), s=s, axes=axes, norm=norm)
        np.testing.assert_allclose(ours.raw, theirs, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(
        getattr(mg.fft, name)(given(name)).raw, getattr(np.fft, name)(given(name)), rtol=1e-12, atol=1e-12
    )


@pytest.mark.parametrize("name", ["hfftn", "ihfftn", "hfft2", "ihfft2"])
def test_hermitian_transforms_as_scipy(name):
    import scipy.fft

    for s, axes in [(None, (0, 1)), ((3, 6), (1, -1)), ((4, 4), (-2, -1))]:
        ours = getattr(mg.fft, name)(given(name), s=s, axes=axes, norm="ortho")
        theirs = getattr(scipy.fft, name)(given(name), s=s, axes=axes, norm="ortho")
        np.testing.assert_allclose(ours.raw, theirs, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", [*ONE, *SEVERAL, "hfftn", "ihfft2"])
def test_derivatives(name):
    f = getattr(mg.fft, name)
    options = {"n": 5} if name in ONE else {"s": (2, 5), "axes": (0, 2)}
    mg.check_gradients(lambda x: f(x, norm="ortho", **options) ** 2, given(name)[:, :2])
    mg.check_gradients(f, given(name)[:1, :2, :3])


@pytest.mark.parametrize("name", [*ONE, *SEVERAL])
def test_compiled_and_mapped(name):
    x = mg.tensor(given(name))

    def loss(x):
        return mg.sum(mg.abs(getattr(mg.fft, name)(x)) ** 2 * 0.5)

    for f in (getattr(mg.fft, name), mg.grad(loss)):
        np.testing.assert_allclose(mg.compile(lambda x, f=f: f(x))(x).raw, f(x).raw, rtol=1e-10, atol=1e-10)
    axes = [getattr(mg.fft, name)(x[i]).raw for i in range(2)]
    if name not in ("fftn", "ifftn", "rfftn", "irfftn"):
        np.testing.assert_allclose(mg.vmap(getattr(mg.fft, name))(x).raw, np.stack(axes), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("n", [1, 2, 5, 8])
def test_frequencies_and_shifts(n):
    x = np.arange(2.0 * n).reshape(2, n)
    for name in ("fftfreq", "rfftfreq"):
        np.testing.assert_allclose(getattr(mg.fft, name)(n, d=0.5).raw, getattr(np.fft, name)(n, 0.5), rtol=1e-6)
        assert getattr(mg.fft, name)(n, dtype=mg.float64).dtype == mg.float64
    for name in ("fftshift", "ifftshift"):
        for axes in (None, 1, (0, -1)):
            np.testing.assert_array_equal(getattr(mg.fft, name)(x, axes=axes).raw, getattr(np.fft, name)(x, axes=axes))
    np.testing.assert_array_equal(mg.fft.ifftshift(mg.fft.fftshift(x)).raw, x)


def test_signatures_are_the_standards():
    strict = pytest.importorskip("array_api_strict")
    for name in (*ONE, "fftn", "ifftn", "rfftn", "irfftn", "fftfreq", "rfftfreq", "fftshift", "ifftshift"):
        ours, theirs = (inspect.signature(getattr(lib, name)).parameters for lib in (mg.fft, strict.fft))
        assert [(p.name, p.kind, p.default) for p in ours.values()] == [
            (p.name, p.kind, p.default) for p in theirs.values()
        ]


def test_float32_stays_and_integers_become_floats():
    assert mg.fft.rfft(X.astype(np.float32)).dtype == mg.fft.fft([1, 2]).dtype == mg.complex64
    assert mg.fft.irfft(Z.astype(np.complex64)).dtype == mg.float32


@pytest.mark.parametrize("options", [{}, {"win_length": 6}, {"normalized": True, "hop_length": 3}, {"onesided": False}])
def test_spectrograms_there_and_back(options):
    x = rng.normal(size=(2, 30))
    window = mg.fft.hamming_window(options.get("win_length", 8), dtype=mg.float64)
    y = mg.fft.stft(x, 8, window=window, **options)
    back = mg.fft.istft(y, 8, window=window, length=30, **options)
    back = mg.real(back)
    np.testing.assert_allclose(back.raw[..., :24], x[..., :24], rtol=1e-10, atol=1e-10)
    mg.check_gradients(lambda x: mg.fft.stft(x, 8, window=window, **options), x[:1, :14], order=1)
    z = y[:1, :, :3].detach().raw
    mg.check_gradients(lambda z, w: mg.fft.istft(z, 8, window=w, **options), z, window.raw, order=1)


def test_windows_as_scipy():
    from scipy.signal import windows

    for n in (0, 1, 2, 5, 8):
        for periodic in (True, False):
            for name in ("hann", "hamming", "blackman", "bartlett"):
                ours = getattr(mg.fft, f"{name}_window")(n, periodic, dtype=mg.float64)
                np.testing.assert_allclose(ours.raw, getattr(windows, name)(n, sym=not periodic), atol=1e-15)
            ours = mg.fft.kaiser_window(n, periodic, 7.5, dtype=mg.float64)
            np.testing.assert_allclose(ours.raw, windows.kaiser(n, 7.5, sym=not periodic), rtol=1e-6, atol=1e-12)


def test_what_is_refused():
    for call, message in (
        (lambda: mg.fft.fft(mg.ones(0)), "at least one entry"),
        (lambda: mg.fft.fft(mg.ones(3), norm="other"), "norm is"),
        (lambda: mg.fft.rfft(mg.tensor([1j])), "real numbers, not complex64"),
        (lambda: mg.fft.irfft(mg.ones(1)), "0 entries"),
        (lambda: mg.fft.fftn(mg.ones((2, 2)), s=(2,), axes=(0, 1)), "1 lengths for 2 axes"),
        (lambda: mg.fft.fftn(mg.tensor(1.0)), "needs an axis"),
        (lambda: mg.fft.fftfreq(4, dtype=mg.int64), "floating"),
        (lambda: mg.fft.fftfreq(0), "0 entries"),
        (lambda: mg.fft.stft(mg.ones(9), 4, hop_length=0), "hop_length"),
        (lambda: mg.fft.stft(mg.ones(9), 4, pad_mode="other"), "pad_mode"),
        (lambda: mg.fft.istft(mg.ones((3, 4)), 4, window=mg.fft.hann_window(4), center=False), "leave some"),
        (lambda: mg.fft.hann_window(-1), "-1 entries"),
    ):
        with pytest.raises(ArgumentError, match=message):
            call()
    for call, message in (
        (lambda: mg.fft.stft(mg.ones(3), 8, center=False), "does not fit"),
        (lambda: mg.fft.stft(mg.ones(3), 8), "too short"),
        (lambda: mg.fft.stft(mg.ones(9), 8, window=mg.ones(7)), "win_length is 8"),
        (lambda: mg.fft.istft(mg.ones((4, 2)), 8), "needs 5 frequencies"),
    ):
        with pytest.raises(ShapeError, match=message):
            call()
    with pytest.raises(AttributeError, match=r"`dct`"):
        mg.fft.dct  # noqa: B018
