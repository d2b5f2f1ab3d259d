"""Fourier transforms and spectrograms against PyTorch: values and gradients."""

from __future__ import annotations

import numpy as np
import pytest

import microgradient as mg

torch = pytest.importorskip("torch")
rng = np.random.default_rng(8)
X = rng.normal(size=(3, 6, 4))
Z = X + 1j * rng.normal(size=X.shape)
NAMES = [f"{name}{along}" for name in ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft") for along in ("", "2", "n")]


@pytest.mark.parametrize("norm", ["backward", "ortho", "forward"])
@pytest.mark.parametrize("name", NAMES)
def test_transforms(name, norm):
    x = X if name.startswith(("rfft", "ihfft")) else Z
    a, b = mg.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    y, z = getattr(mg.fft, name)(a, norm=norm), getattr(torch.fft, name)(b, norm=norm)
    np.testing.assert_allclose(y.raw, z.detach().resolve_conj().numpy(), rtol=1e-10, atol=1e-10)
    (mg.abs(y) ** 3).sum().backward()
    (z.abs() ** 3).sum().backward()
    np.testing.assert_allclose(a.grad.raw, b.grad.resolve_conj().numpy(), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("pad_mode", ["reflect", "replicate", "circular", "constant"])
@pytest.mark.parametrize(
    "options", [{}, {"hop_length": 3, "win_length": 5}, {"normalized": True}, {"onesided": False}, {"center": False}]
)
def test_spectrograms(options, pad_mode):
    x, n = rng.normal(size=(2, 40)), 8
    width = options.get("win_length", n)
    ours, theirs = mg.fft.hamming_window(width, dtype=mg.float64), torch.hamming_window(width, dtype=torch.float64)
    a, b = mg.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    y = mg.fft.stft(a, n, window=ours, pad_mode=pad_mode, **options)
    z = torch.stft(b, n, window=theirs, pad_mode=pad_mode, return_complex=True, **options)
    np.testing.assert_allclose(y.raw, z.detach().numpy(), rtol=1e-6, atol=1e-8)
    (mg.abs(y) ** 2).sum().backward()
    (z.abs() ** 2).sum().backward()
    np.testing.assert_allclose(a.grad.raw, b.grad.numpy(), rtol=1e-6, atol=1e-7)
    if width == n:
        back = mg.fft.istft(y.detach(), n, window=ours, **options)
        expected = torch.istft(z.detach(), n, window=theirs, **options)
        np.testing.assert_allclose(mg.real(back).raw, expected.numpy(), rtol=1e-6, atol=1e-7)
