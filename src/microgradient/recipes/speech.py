"""`speech`: write down spoken strings of digits, from the sound to the digits, by convolutions, a GRU and CTC."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

import microgradient as mg

from .. import nn, random
from ..data.log_mels import BANDS, RATE, log_mels, padded, varied
from ..data.wav import read_wav, wav_files
from ..errors import DataError
from ..language import listed, translate
from ..nn.functional import ctc_loss, relu
from ..tensor import Tensor
from ..train.inputs import as_arrays
from ..train.offers import Texts
from ..train.options import Options, option
from ..train.predictor import Predictor
from ..train.recipe import Metric, Recipe
from .speech_baseline import equal_parts
from .speech_data import LONGEST, VOICES, load_spoken_digits
from .speech_decoding import beam_search, word_error

STEP = 4  # frames of a step
FRAMES = 320  # of a recording to learn from, 3.2 s
_GRID = 40  # frames: a longer recording is padded to a multiple of them
_AT_ONCE, _HIDDEN = 64, 96
HEADINGS = ("spoken", "understood")


@dataclass(frozen=True, kw_only=True)
class SpeechOptions(Options):
    """What the recipe `speech` may be asked beyond what all are."""

    data: str | None = option(
        None,
        "WAV files to score the model on as well; their names begin with the digits said: 305_anna.wav.",
        metavar="FOLDER",
    )


class SpeechModel(nn.Module):
    """Log-mels (N, frames, BANDS) to a score of each label every 40 ms, (frames / 4, N, 11): 0 for nothing said, d + 1 for d.

    Graves, Fernández, Gomez and Schmidhuber, "Connectionist temporal classification" (2006).
    """

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv1d(BANDS, 64, 5, stride=2, padding=2)
        self.second = nn.Conv1d(64, _HIDDEN, 5, stride=2, padding=2)
        self.dropout = nn.Dropout(0.2)
        self.gru = nn.GRU(_HIDDEN, _HIDDEN, bidirectional=True)
        self.head = nn.Linear(2 * _HIDDEN, 11)

    def forward(self, mels: Tensor) -> Tensor:
        h = relu(self.second(relu(self.first(mg.permute_dims(mels, (0, 2, 1))))))
        outputs, _ = self.gru(self.dropout(mg.permute_dims(h, (2, 0, 1))))
        return self.head(self.dropout(outputs))


class SpeechPredictor(Predictor):
    """Recordings, 8000 samples a second, to the digits said in them."""

    takes: ClassVar[str] = "recordings (WAV)"

    def __init__(self, details: Mapping[str, Any]) -> None:
        super().__init__(details)
        self.model = SpeechModel()
        self.names: list[str] = []

    def predict(self, inputs: Any) -> dict[str, Any]:
        """`digits`, a string for each recording, and the `probability` of each."""
        return self.decoded([log_mels(sound) for sound in as_arrays(inputs, ("samples",), "recording")])

    def decoded(self, mels: Sequence[NDArray[np.float32]]) -> dict[str, Any]:
        """The same from `log_mels`."""
        found = [beam_search(scores) for scores in self.log_probabilities(mels)]
        return {
            "digits": ["".join(str(label - 1) for label in labels) for labels, _ in found],
            "probability": np.exp([log for _, log in found]),
        }

    def log_probabilities(self, mels: Sequence[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
        """Of the labels at each step of each recording, (steps, 11). The GRU reads the padding too: how long it is depends on
        the recording alone, not on those beside it."""
        found: dict[int, NDArray[np.float32]] = {}
        lengths = np.array([max(FRAMES, -(-len(x) // _GRID) * _GRID) for x in mels], int)
        with self.inference():
            for length in np.unique(lengths).tolist():
                rows = np.flatnonzero(lengths == length).tolist()
                for start in range(0, len(rows), _AT_ONCE):
                    part = rows[start : start + _AT_ONCE]
                    logs = mg.log_softmax(self.model(padded([mels[row] for row in part], length)), axis=2).data
                    found |= {row: logs[: -(-len(mels[row]) // STEP), k] for k, row in enumerate(part)}
        return [found[row] for row in range(len(mels))]

    def read(self, names: Sequence[str]) -> list[NDArray[np.float32]]:
        files = wav_files(names)
        self.names = [file.name for file in files]
        sounds, faults = [], []
        for file in files:
            try:
                sounds.append(read_wav(file, RATE))
            except DataError as error:
                faults.append(error)
        if faults:
            more = f" {len(faults) - 1} more of {len(files)} files can't be read." if len(faults) > 1 else ""
            raise DataError(faults[0].code, faults[0].message + more)
        return sounds

    def rows(self, inputs: Any, predicted: Any) -> tuple[list[str], list[list[Any]]]:
        columns = zip(self.names, predicted["digits"], predicted["probability"], strict=True)
        return ["recording", "digits", "probability"], [[name, said, f"{p:.4f}"] for name, said, p in columns]

    def evaluate(self, path: str) -> list[Metric]:
        sounds, right = self.read_labelled(path)
        return [Metric("word error", word_error(self.predict(sounds)["digits"], right), "%")]

    def read_labelled(self, path: str) -> tuple[list[NDArray[np.float32]], list[str]]:
        """The recordings in a folder, and the digits that their names begin with. Raises `DataError` (MG180, MG181)."""
        sounds = self.read([path])
        right = [re.match(r"\d+", name) for name in self.names]
        if None in right:
            name = self.names[right.index(None)]
            raise DataError("MG181", f"{name} should begin with the digits that are said in it, as 305_anna.wav does.")
        return sounds, [found.group() for found in right if found]


class Speech(Recipe):
    """A fifth of espeak-ng's voices is held out, and a tenth chooses the epoch. What is learnt from is moved by up to two bands,
    as voices are higher and lower, begins earlier or later, has a stretch of frames and of bands blanked out (Park et al. 2019,
    "SpecAugment"), and some noise. The baseline is scikit-learn's logistic regression on equal parts of each recording.

    Run it by `microgradient train speech`.
    """

    name: ClassVar[str] = "speech"
    field: ClassVar[str] = "sound"
    needs: ClassVar[tuple[str, ...]] = ("sklearn",)
    summary: ClassVar[str] = "spoken strings of digits to text: log-mels, convolutions, a GRU, CTC and beam search"
    defaults: ClassVar[SpeechOptions] = SpeechOptions(epochs=30, batch_size=32, lr=2e-3, optimizer="adamw", model="gru")
    models: ClassVar[tuple[str, ...]] = ("gru",)
    predictor_class: ClassVar[type[Predictor]] = SpeechPredictor
    lr_decay: ClassVar[float] = 0.1
    clip_norm: float | None = 5.0

    def __init__(self, options: SpeechOptions) -> None:
        super().__init__(options)
        self.spoken = load_spoken_digits()
        self.mels = [log_mels(sound) for sound in self.spoken.sounds]
        order = np.random.default_rng(options.seed).permutation(len(VOICES))
        place = np.argsort(order)[self.spoken.voices] / len(VOICES)
        short = np.array([len(x) <= FRAMES - 20 for x in self.mels])
        self.test, self.validating = np.flatnonzero(place < 0.2), np.flatnonzero((place >= 0.2) & (place < 0.3))
        self.training = np.flatnonzero((place >= 0.3) & short)
        self.train_size = len(self.training)
        self.data = (np.concatenate(self.spoken.sounds), self.spoken.voices)
        self.folder = options.data
        self.predictor = SpeechPredictor(self.details())
        self.model = self.predictor.model
        if self.folder:
            self.predictor.read_labelled(self.folder)  # what is wrong with it is said before the training

    def batch(self, examples: NDArray[np.int64]) -> tuple[Tensor, ...]:
        draw = np.random.default_rng(random.integers(0, 2**31, (2,)).data)
        rows = self.training[examples]
        mels = [varied(self.mels[row], draw) for row in rows]
        strings = [self.spoken.digits[row] for row in rows]
        labels = np.zeros((len(rows), LONGEST), np.int64)
        for row, digits in zip(labels, strings, strict=True):
            row[: len(digits)] = np.array(digits) + 1
        steps, lengths = [-(-len(x) // STEP) for x in mels], [len(digits) for digits in strings]
        return padded(mels, FRAMES), Tensor(labels), Tensor(np.array(steps)), Tensor(np.array(lengths))

    def batch_loss(self, mels: Tensor, labels: Tensor, steps: Tensor, lengths: Tensor) -> Tensor:
        return ctc_loss(mg.log_softmax(self.model(mels), axis=2), labels, steps, lengths)

    def validation(self) -> float:
        found = self.predictor.log_probabilities([self.mels[row] for row in self.validating])
        losses = [ctc_loss(Tensor(x), Tensor(np.array(self.spoken.digits[row]) + 1), len(x), len(self.spoken.digits[row]))
                  for x, row in zip(found, self.validating, strict=True)]  # fmt: skip
        return float(np.mean([float(loss.data) for loss in losses]))

    def evaluate(self) -> list[Metric]:
        said = self.predictor.decoded([self.mels[row] for row in self.test])["digits"]
        found = [Metric("word error", word_error(said, self._right(self.test)), "%"),
                 Metric("baseline word error", self.baseline, "%")]  # fmt: skip
        if self.folder:
            found.append(Metric("folder word error", self.predictor.evaluate(self.folder)[0].value, "%"))
        return found

    @cached_property
    def baseline(self) -> float:
        learnt = np.concatenate([self.training, self.validating])
        known, asked = ([self.mels[row] for row in part] for part in (learnt, self.test))
        return word_error(equal_parts(known, self._right(learnt), asked), self._right(self.test))

    def _right(self, rows: NDArray[np.int64]) -> list[str]:
        return ["".join(map(str, self.spoken.digits[row])) for row in rows]

    def description(self) -> list[str]:
        heard, held = (len(set(self.spoken.voices[part].tolist())) for part in (self.training, self.test))
        return [translate(
            f"{self.train_size:,} recordings of {heard} voices to learn from, {len(self.validating)} of others to choose the "
            f"epoch, {len(self.test)} of {held} more held out"
        )]  # fmt: skip

    def report(self) -> list[str]:
        """The held-out voices that are understood worst."""
        said, right = self.predictor.decoded([self.mels[row] for row in self.test])["digits"], self._right(self.test)
        voices = self.spoken.voices[self.test]
        errors = {}
        for voice in set(voices.tolist()):
            rows = np.flatnonzero(voices == voice)
            errors[voice] = word_error([said[k] for k in rows], [right[k] for k in rows])
        worst = sorted(errors, key=lambda voice: -errors[voice])[:3]
        told = listed(translate(f"{VOICES[v]} ({100 * errors[v]:.1f} % wrong)", VOICES[v]) for v in worst)
        return [translate("understood worst: ") + told]

    def samples(self) -> Mapping[str, Callable[[], Texts]]:
        return {"sample": self._sample}

    def _sample(self) -> Texts:
        rows = self.test[:: max(1, len(self.test) // 6)][:6]
        said = self.predictor.decoded([self.mels[row] for row in rows])["digits"]
        return Texts(HEADINGS, list(zip(self._right(rows), said, strict=True)))

    def pictures(self) -> Mapping[str, Callable[[Any], None]]:
        return {"labels": self._draw_labels}

    def _draw_labels(self, figure: Any) -> None:
        """Three held-out recordings, and the probabilities of the labels over time."""
        rows = sorted(self.test, key=lambda row: len(self.spoken.digits[row]))[-3:]
        found = self.predictor.log_probabilities([self.mels[row] for row in rows])
        for column, row, log in zip(figure.subplots(2, 3, squeeze=False).T, rows, found, strict=True):
            column[0].imshow(self.mels[row].T, aspect="auto", origin="lower")
            column[1].imshow(np.exp(log.T), aspect="auto", cmap="Blues")
            column[0].set_title(" ".join(map(str, self.spoken.digits[row])))
            column[1].set_yticks(range(11), ["–", *map(str, range(10))])
