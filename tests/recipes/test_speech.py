"""`speech`: spoken digits by CTC. Here telephone tones stand for the voices, one test apart."""

import itertools
import re
import tracemalloc
import wave

import numpy as np
import pytest
from properties import built, check_missing_package, check_overfits, check_predicts, check_resumes

import microgradient as mg
import microgradient.recipes.speech as module
from microgradient.cli import main
from microgradient.data.log_mels import BANDS, RATE, log_mels
from microgradient.data.wav import read_wav, resampled
from microgradient.errors import DataError
from microgradient.nn.functional import ctc_loss
from microgradient.recipes import speech_data
from microgradient.recipes.speech import SpeechPredictor
from microgradient.recipes.speech_baseline import equal_parts
from microgradient.recipes.speech_data import Spoken
from microgradient.recipes.speech_decoding import beam_search, edit_distance

TONES = dict(zip("1234567890", itertools.product((697, 770, 852, 941), (1209, 1336, 1477)), strict=False))


def write_wav(path, samples, rate):
    """Samples (n,) from -1 to 1 as a WAV file of 16-bit PCM."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())


def dialled(digits, pitch: float = 1.0) -> np.ndarray:
    """The tones of a telephone, a quarter of a second each, with pauses."""
    t = np.arange(RATE // 4) / RATE
    pause = np.zeros(RATE // 10)
    tones = [sum(np.sin(2 * np.pi * f * pitch * t) for f in TONES[str(digit)]) / 2.5 for digit in digits]
    return np.concatenate([pause, *itertools.chain(*((tone, pause) for tone in tones))])


@pytest.fixture
def tones(monkeypatch):
    """32 voices that dial 6 strings each."""
    draw = np.random.default_rng(0)
    strings = [tuple(draw.integers(0, 10, 1 + k % 4).tolist()) for k in range(192)]
    voices = np.arange(192) // 6
    sounds = [(dialled(s, 1 + 0.002 * v) * 32000).astype(np.int16) for s, v in zip(strings, voices, strict=True)]
    monkeypatch.setattr(module, "load_spoken_digits", lambda: Spoken(sounds, strings, voices))
    monkeypatch.setattr(module, "VOICES", [f"voice {k}" for k in range(32)])


def test_beam_search_adds_up_all_alignments():
    """Wide enough, it finds what the loss says is likeliest of all label sequences."""
    draw = np.random.default_rng(1)
    for steps in (1, 3, 5):
        logs = mg.log_softmax(mg.tensor(draw.normal(0, 2, (steps, 3))), axis=1)
        every = [labels for n in range(steps + 1) for labels in itertools.product((1, 2), repeat=n)]
        losses = [float(ctc_loss(logs, mg.tensor(list(labels), dtype=mg.int64), steps, len(labels), reduction="sum").data)
                  for labels in every]  # fmt: skip
        labels, log_probability = beam_search(logs.data, width=100)
        assert labels == every[int(np.argmin(losses))]
        assert log_probability == pytest.approx(-min(losses), rel=1e-6)
    assert beam_search(np.zeros((0, 3))) == ((), 0.0)


def test_edit_distances_are_distances():
    words = ["", "1", "12", "21", "1234", "234", "444"]
    for a, b, c in itertools.product(words, repeat=3):
        assert edit_distance(a, b) == edit_distance(b, a)
        assert (edit_distance(a, b) == 0) == (a == b)
        assert edit_distance(a, c) <= edit_distance(a, b) + edit_distance(b, c)
    assert edit_distance("1234", "234") == 1
    assert edit_distance("12", "21") == 2


def test_log_mels_tell_tones_but_not_loudness():
    low, high = log_mels(np.sin(np.arange(4000) * 0.3)), log_mels(np.sin(np.arange(4000) * 1.5))
    assert low.mean(axis=0).argmax() < high.mean(axis=0).argmax()
    np.testing.assert_allclose(log_mels(0.01 * np.sin(np.arange(4000) * 0.3)), low, atol=1e-3)
    assert np.isfinite(log_mels(np.zeros(10))).all()
    assert log_mels(np.zeros(3)).shape[1] == BANDS


def test_wav_files_are_read_whatever_their_rate_and_channels(tmp_path):
    t = np.arange(44100) / 44100
    write_wav(tmp_path / "a.wav", 0.5 * np.sin(2 * np.pi * 440 * t), 44100)
    found = read_wav(tmp_path / "a.wav", 8000)
    expected = 0.5 * np.sin(2 * np.pi * 440 * np.arange(8000) / 8000)
    np.testing.assert_allclose(found[100:-100], expected[100:-100], atol=2e-3)
    samples = (0.5 * np.sin(2 * np.pi * 440 * t) * 32767).astype("<i2")
    with wave.open(str(tmp_path / "b.wav"), "wb") as file:
        file.setparams((2, 2, 44100, 0, "NONE", ""))
        file.writeframes(np.stack([samples, np.zeros_like(samples)], axis=1).tobytes())
    np.testing.assert_allclose(read_wav(tmp_path / "b.wav", 8000), found / 2, atol=1e-3)


def test_a_rate_that_has_no_factor_in_common_is_resampled_as_cheaply(tmp_path):
    rate = 767_957
    tracemalloc.start()
    try:
        found = resampled(np.sin(2 * np.pi * 440 * np.arange(rate) / rate).astype(np.float32), rate, RATE)
        assert (
            tracemalloc.get_traced_memory()[1] < 20 * 4 * rate
        )  # the filter of the exact ratio is as long, in float64
    finally:
        tracemalloc.stop()
    expected = np.sin(2 * np.pi * 440 * np.arange(len(found)) / RATE)
    np.testing.assert_allclose(found[100:-100], expected[100:-100], atol=5e-3)


def test_what_was_written_to_a_pipe_has_no_length(tmp_path):
    write_wav(tmp_path / "a.wav", dialled([1]), RATE)
    content = (tmp_path / "a.wav").read_bytes()
    (tmp_path / "b.wav").write_bytes(content[:40] + b"\xff" * 4 + content[44:])
    np.testing.assert_array_equal(*(read_wav(tmp_path / name, RATE) for name in ("a.wav", "b.wav")))


def test_bad_recordings_get_one_sentence(tmp_path, tones, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def refused(content: bytes | None, pattern: str) -> None:
        if content is not None:
            (tmp_path / "folder").mkdir(exist_ok=True)
            (tmp_path / "folder" / "12.wav").write_bytes(content)
        assert main(["train", "speech", "--data", "folder", "--epochs", "1"]) == 1
        error = capsys.readouterr().err
        assert re.search(pattern, error), error
        assert error.count("\n") == 1

    refused(None, "There is no file .*folder")
    write_wav(tmp_path / "good.wav", dialled([1, 2]), RATE)
    good = (tmp_path / "good.wav").read_bytes()
    refused(b"no sound", "not a WAV file.*16-bit PCM")
    refused(good[:20], "not a WAV file.*: it ends too early")
    refused(good[:-1001], r"is cut off: it should have [\d,]+ bytes of sound, and has [\d,]+\.")
    for rate, words in (
        (999, "has 999 samples"),
        (1_000_003, "has 1,000,003 samples"),
        (2**31 - 1, "has 2,147,483,647 samples"),
    ):
        refused(good[:24] + rate.to_bytes(4, "little") + good[28:], words)
    refused(good[:44], "is cut off")
    (tmp_path / "folder" / "13.wav").write_bytes(b"")
    refused(good, r"13\.wav is not a WAV file.*it ends too early")
    (tmp_path / "folder" / "14.wav").write_bytes(b"")
    refused(good, r"13\.wav is not a WAV file.* 1 more of 3 files can't be read\.")
    for name in ("13.wav", "14.wav"):
        (tmp_path / "folder" / name).unlink()
    refused(good[:40] + bytes(4), "holds no sound")
    with wave.open(str(tmp_path / "wide.wav"), "wb") as file:
        file.setparams((1, 3, 8000, 0, "NONE", ""))
        file.writeframes(bytes(300))
    refused((tmp_path / "wide.wav").read_bytes(), "samples of 24 bits: save it as 16-bit PCM")
    (tmp_path / "folder" / "anna.wav").write_bytes(good)
    refused(good, r"anna\.wav should begin with the digits")
    assert not list(tmp_path.glob("runs/*"))


def test_no_voice_is_in_two_parts(tones):
    recipe = built("speech")
    voices = [set(recipe.spoken.voices[part].tolist()) for part in (recipe.training, recipe.validating, recipe.test)]
    assert all(voices)
    assert sum(map(len, voices)) == len(set.union(*voices)) == 32
    mels, labels, steps, lengths = (part.data for part in recipe.batch(np.arange(8)))
    assert [tuple(row[:n] - 1) for row, n in zip(labels, lengths, strict=True)] == [
        recipe.spoken.digits[row] for row in recipe.training[:8]
    ]
    for x, n in zip(mels, steps, strict=True):
        assert not x[n * 4 :].any()
        assert x[: n * 4].any()


def test_a_recording_is_understood_alike_alone_and_beside_longer_ones():
    mg.manual_seed(0)
    predictor = SpeechPredictor({})
    mels = [log_mels(dialled("3" * count)) for count in (1, 14, 9, 2, 30)]  # of 0.4 s to 10 s
    together = predictor.log_probabilities(mels)
    for x, found in zip(mels, together, strict=True):
        [alone] = predictor.log_probabilities([x])
        assert alone.shape == (-(-len(x) // module.STEP), 11)
        np.testing.assert_allclose(found, alone, rtol=0, atol=1e-5)
    assert predictor.log_probabilities([]) == []


def test_the_baseline_tells_tones():
    strings = ["12", "3", "405", "67", "89", "210"] * 3
    mels = [log_mels(dialled(string)) for string in strings]
    assert equal_parts(mels, strings, mels[:6]) == strings[:6]


@pytest.mark.slow
def test_speech_overfits_resumes_and_predicts(tmp_path, tones, monkeypatch):
    check_overfits(built("speech"), np.arange(8), 150, 0.2)
    session = check_resumes("speech", tmp_path)
    recipe = session.recipe
    check_predicts(session, [recipe.spoken.sounds[row] for row in recipe.test])
    predictor = mg.load(session.folder.path)
    said = predictor.predict([recipe.spoken.sounds[row] for row in recipe.test])["digits"]
    assert module.word_error(said, recipe._right(recipe.test)) == session.folder.run.result["word_error"]
    assert (session.folder.path / "labels.png").exists()
    (tmp_path / "wavs").mkdir()
    for digits in ("305", "21"):
        write_wav(tmp_path / "wavs" / f"{digits}_x.wav", dialled(digits), RATE)
    found = predictor.predict(predictor.read([str(tmp_path / "wavs")]))
    assert [row[:2] for row in predictor.rows(None, found)[1]] == [
        ["21_x.wav", found["digits"][0]], ["305_x.wav", found["digits"][1]]
    ]  # fmt: skip
    assert predictor.evaluate(str(tmp_path / "wavs"))[0].value == module.word_error(found["digits"], ["21", "305"])
    write_wav(tmp_path / "wavs" / "anna.wav", dialled("1"), RATE)
    with pytest.raises(DataError, match=r"anna\.wav should begin with the digits"):
        predictor.evaluate(str(tmp_path / "wavs"))


@pytest.mark.slow
def test_speech_is_made_once_and_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("MICROGRADIENT_CACHE", str(tmp_path))
    monkeypatch.setattr(speech_data, "VOICES", ("f1", "m3"))
    first = speech_data.load_spoken_digits()
    assert len(first.sounds) == len(first.digits) == 64
    assert set(map(len, first.digits)) == {1, 2, 3, 4, 5}
    lengths = [len(sound) / RATE / len(digits) for sound, digits in zip(first.sounds, first.digits, strict=True)]
    assert 0.15 < np.mean(lengths) < 0.6
    again = speech_data.load_spoken_digits()
    assert again.digits == first.digits
    assert all((a == b).all() for a, b in zip(first.sounds, again.sounds, strict=True))
    (kept,) = tmp_path.glob("spoken-digits-*.npz")
    kept.write_bytes(kept.read_bytes()[:1000])
    assert speech_data.load_spoken_digits().digits == first.digits
    assert kept.stat().st_size > 1000
    with pytest.raises(DataError, match="no voice"):
        speech_data.Espeak().say("no-such-voice", "one")
    monkeypatch.setattr(speech_data, "VOICES", ("f2",))
    check_missing_package(monkeypatch, "speech", "espeakng_loader")
