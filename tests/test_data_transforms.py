"""Transforms of pictures and sound: what they keep, what they undo, and the numbers of simple cases."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.fft
import scipy.signal

import microgradient as mg
from microgradient.data import transforms as T  # noqa: N812

RNG = np.random.default_rng(0)
PICTURE = RNG.uniform(size=(3, 12, 16))


def picture():
    return mg.tensor(PICTURE)


def test_to_tensor_and_normalize():
    array = RNG.integers(0, 256, size=(5, 7, 3), dtype=np.uint8)
    x = T.ToTensor()(array)
    assert x.dtype == np.float32
    np.testing.assert_allclose(x.numpy(), array.transpose(2, 0, 1) / np.float32(255))
    assert T.ToTensor()(array[:, :, 0].astype(np.float64)).shape == (1, 5, 7)
    z = T.Normalize([0.1, 0.2, 0.3], [0.5, 0.25, 2.0])(x).numpy()
    back = z * np.array([0.5, 0.25, 2.0])[:, None, None] + np.array([0.1, 0.2, 0.3])[:, None, None]
    np.testing.assert_allclose(back, x.numpy(), atol=1e-6)


@pytest.mark.parametrize(("size", "shape"), [(6, (6, 8)), (24, (24, 32)), ((6, 32), (6, 32))])
def test_resize_keeps_planes_and_means(size, shape):
    rows, columns = np.mgrid[0:12, 0:16] + 0.5
    plane = mg.tensor((0.1 * rows + 0.2 * columns)[None])
    out = T.Resize(size)(plane).numpy()[0]
    assert out.shape == shape
    y, x = (np.arange(n) + 0.5 for n in shape)
    expected = 0.1 * y[:, None] * 12 / shape[0] + 0.2 * x[None] * 16 / shape[1]
    inner = (slice(2, -2), slice(2, -2))
    np.testing.assert_allclose(out[inner], expected[inner], rtol=1e-9)
    np.testing.assert_allclose(T.Resize(size)(mg.ones((2, 3, 12, 16))).numpy(), 1, rtol=1e-6)


def test_crops_and_pads():
    np.testing.assert_array_equal(T.CenterCrop((4, 6))(picture()).numpy(), PICTURE[:, 4:8, 5:11])
    padded = T.Pad((1, 2, 3, 4), fill=9.0)(picture()).numpy()
    assert padded.shape == (3, 12 + 2 + 4, 16 + 1 + 3)
    np.testing.assert_array_equal(padded[:, 2:14, 1:17], PICTURE)
    assert padded[0, 0, 0] == 9.0
    np.testing.assert_array_equal(T.Pad(2, padding_mode="reflect")(picture()).numpy()[:, 0, 2:-2], PICTURE[:, 2])
    bigger = T.CenterCrop(20)(picture()).numpy()
    assert bigger.shape == (3, 20, 20)
    np.testing.assert_allclose(bigger.sum(), PICTURE.sum())
    mg.manual_seed(0)
    places = set()
    for _ in range(60):
        part = T.RandomCrop((11, 15))(picture()).numpy()
        (found,) = [
            (i, j) for i in range(2) for j in range(2) if np.array_equal(part, PICTURE[:, i : i + 11, j : j + 15])
        ]
        places.add(found)
    assert places == {(0, 0), (0, 1), (1, 0), (1, 1)}
    with pytest.raises(ValueError, match="12 × 16 has no part of 13 × 13"):
        T.RandomCrop(13)(picture())
    assert T.RandomCrop(20, pad_if_needed=True)(picture()).shape == (3, 20, 20)
    for _ in range(20):
        assert T.RandomResizedCrop((6, 5))(picture()).shape == (3, 6, 5)
    assert T.RandomResizedCrop(4, ratio=(9.0, 9.5))(mg.ones((1, 2, 3))).shape == (1, 4, 4)


def test_flips_come_half_the_time():
    mg.manual_seed(1)
    for flip, mirrored in ((T.RandomHorizontalFlip(), PICTURE[:, :, ::-1]), (T.RandomVerticalFlip(), PICTURE[:, ::-1])):
        seen = [np.array_equal(flip(picture()).numpy(), mirrored) for _ in range(200)]
        assert 70 < sum(seen) < 130


def test_affine_turns_moves_and_scales():
    square = mg.tensor(RNG.uniform(size=(2, 8, 8)))
    for quarter in range(4):
        turned = T.affine(square, 90 * quarter).numpy()
        np.testing.assert_allclose(turned, np.rot90(square.numpy(), quarter, axes=(1, 2)), atol=1e-9)
    moved = T.affine(picture(), translate=(3, -2)).numpy()
    np.testing.assert_allclose(moved[:, :-2, 3:], PICTURE[:, 2:, :-3], atol=1e-9)
    np.testing.assert_allclose(moved[:, :, :3], 0, atol=1e-9)
    assert T.affine(mg.ones((1, 64, 64)), scale=0.5).numpy().sum() == pytest.approx(32 * 32, rel=0.01)
    sheared = T.affine(mg.ones((1, 32, 32)), shear=(45, 0)).numpy()
    assert sheared.sum() == pytest.approx(0.75 * 32 * 32, rel=0.05)  # two corners leave, of an eighth each
    mg.manual_seed(2)
    assert T.RandomAffine((10, 20), (0.1, 0.2), (0.5, 1.5), 10)(picture()).shape == (3, 12, 16)
    still = T.RandomRotation(0)(picture()).numpy()
    np.testing.assert_allclose(still, PICTURE, atol=1e-9)


def test_colours():
    gray = T.Grayscale(3)(picture()).numpy()
    np.testing.assert_allclose(gray[0], 0.299 * PICTURE[0] + 0.587 * PICTURE[1] + 0.114 * PICTURE[2])
    np.testing.assert_array_equal(gray[0], gray[2])
    bright = T.ColorJitter(brightness=(0.5, 0.5))(picture()).numpy()
    np.testing.assert_allclose(bright, PICTURE / 2)
    flat = T.ColorJitter(saturation=(0.0, 0.0))(picture()).numpy()
    np.testing.assert_allclose(flat, gray)
    mean = T.ColorJitter(contrast=(0.0, 0.0))(picture()).numpy()
    np.testing.assert_allclose(mean, gray[0].mean())
    third = T.ColorJitter(hue=(1 / 3, 1 / 3))(picture()).numpy()  # red becomes green becomes blue
    np.testing.assert_allclose(third, PICTURE[[2, 0, 1]], atol=1e-9)
    mg.manual_seed(3)
    for _ in range(5):
        out = T.ColorJitter(0.4, 0.4, 0.4, 0.1)(picture()).numpy()
        assert out.min() >= 0
        assert out.max() <= 1
    np.testing.assert_array_equal(T.ColorJitter()(picture()).numpy(), PICTURE)


def test_erasing():
    mg.manual_seed(4)
    for _ in range(20):
        out = T.RandomErasing(p=1.0, value=-1.0)(picture()).numpy()
        gone = out[0] == -1
        rows, columns = np.flatnonzero(gone.any(1)), np.flatnonzero(gone.any(0))
        assert gone.sum() == len(rows) * len(columns) == (np.ptp(rows) + 1) * (np.ptp(columns) + 1)
        np.testing.assert_array_equal(out[:, ~gone], PICTURE[:, ~gone])
    assert (T.RandomErasing(p=1.0, value="random")(picture()).numpy() != PICTURE).any()
    np.testing.assert_array_equal(T.RandomErasing(p=0.0)(picture()).numpy(), PICTURE)


def test_pictures_can_be_differentiated():
    for transform in (T.Resize(5), T.Normalize([0.5] * 3, [0.2] * 3), lambda x: T.affine(x, 20.0), T.Grayscale()):
        mg.check_gradients(lambda x, t=transform: mg.sum(t(x) ** 2), mg.tensor(PICTURE[:, :3, :4]))


def test_the_order_of_composition():
    assert T.Compose([lambda x: x + 1, T.Lambda(lambda x: x * 2)])(3) == 8
    assert T.RandomApply([abs], p=0.0)(-3) == -3


# ------------------------------------------------------------------------------------------------------------------ sound


@pytest.mark.parametrize(("old", "new"), [(44100, 16000), (16000, 44100), (8000, 16000), (3, 2)])
def test_resampling_keeps_waves(old, new):
    """A wave below both limits comes out as the same wave at the other rate."""
    frequency = 0.15 * min(old, new)
    t = np.arange(600) / old
    out = T.resample(mg.tensor(np.sin(2 * math.pi * frequency * t)), old, new, lowpass_filter_width=32).numpy()
    assert len(out) == math.ceil(600 * new / old)
    expected = np.sin(2 * math.pi * frequency * np.arange(len(out)) / new)
    edge = math.ceil(34 * new / min(old, new))
    np.testing.assert_allclose(out[edge:-edge], expected[edge:-edge], atol=2e-3)
    high = np.sin(2 * math.pi * 0.45 * old * t)
    if new < 0.8 * old:  # above the new limit
        assert np.abs(T.resample(mg.tensor(high), old, new, lowpass_filter_width=32).numpy()[edge:-edge]).max() < 1e-2
    np.testing.assert_array_equal(T.Resample(5, 5)(mg.tensor(t)).numpy(), t)


def test_spectrograms():
    x = RNG.normal(size=(2, 1000))
    window = scipy.signal.get_window("hann", 128)
    _, _, reference = scipy.signal.stft(x, nperseg=128, noverlap=64, window=window, boundary="even", padded=False)
    ours = T.Spectrogram(n_fft=128, power=None)(mg.tensor(x)).numpy()
    frames = slice(1, -2)  # the ends are extended in two ways
    np.testing.assert_allclose(ours[..., frames], (reference * window.sum())[..., frames][..., : ours[..., frames].shape[-1]],
                               atol=1e-9)  # fmt: skip
    power = T.Spectrogram(n_fft=128)(mg.tensor(x)).numpy()
    np.testing.assert_allclose(power, np.abs(ours) ** 2, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(T.Spectrogram(n_fft=128, power=1.0)(mg.tensor(x)).numpy(), np.abs(ours), atol=1e-9)


@pytest.mark.parametrize("scale", ["htk", "slaney"])
def test_mel_filters(scale):
    bank = T.mel_filter_bank(513, 0.0, 8000.0, 20, 16000, mel_scale=scale).numpy()
    assert bank.min() >= 0
    peaks = bank.argmax(0)
    assert (np.diff(peaks) > 0).all()
    inner = bank[peaks[1] : peaks[-2]].sum(1)  # neighbouring triangles add up to 1
    np.testing.assert_allclose(inner, 1, atol=1e-6)
    area = T.mel_filter_bank(8001, 0.0, 8000.0, 20, 16000, norm="slaney", mel_scale=scale).numpy().sum(0) * (
        8000 / 8000
    )
    np.testing.assert_allclose(area, 1, atol=2e-3)


def test_mfcc_is_the_cosine_transform_of_decibels():
    x = mg.tensor(RNG.normal(size=4000))
    mel = T.MelSpectrogram(n_fft=256, n_mels=24)(x)
    decibels = T.AmplitudeToDB(top_db=80.0)(mel).numpy()
    np.testing.assert_allclose(decibels, np.maximum(10 * np.log10(mel.numpy()), decibels.max() - 80), rtol=1e-6)
    ours = T.MFCC(n_mfcc=13, melkwargs={"n_fft": 256, "n_mels": 24})(x).numpy()
    np.testing.assert_allclose(ours, scipy.fft.dct(decibels, axis=0, norm="ortho")[:13], rtol=1e-5, atol=1e-5)
    with pytest.raises(ValueError, match="24 mel bands have no 40"):
        T.MFCC(melkwargs={"n_fft": 256, "n_mels": 24})(x)


def test_masks():
    mg.manual_seed(5)
    x = mg.ones((2, 10, 30))
    widths = set()
    for _ in range(50):
        time = T.TimeMasking(4)(x).numpy()
        gone = (time == 0).all((0, 1))
        widths.add(int(gone.sum()))
        assert time.sum() == 2 * 10 * (30 - gone.sum())
        assert not gone.any() or np.ptp(np.flatnonzero(gone)) + 1 == gone.sum()
        frequency = T.FrequencyMasking(3, value=-1.0)(x).numpy()
        assert ((frequency == -1).all((0, 2)) | (frequency == 1).all((0, 2))).all()
    assert widths == {0, 1, 2, 3, 4}


def test_sound_can_be_differentiated():
    x = mg.tensor(RNG.normal(size=64))
    mg.check_gradients(lambda x: mg.sum(T.resample(x, 3, 2) ** 2), x)
    mg.check_gradients(lambda x: mg.sum(T.MelSpectrogram(n_fft=16, n_mels=4)(x)), x)
