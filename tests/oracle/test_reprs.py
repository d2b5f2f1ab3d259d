"""Modules, optimisers and what doesn't fit a module are shown in PyTorch's words."""

import pytest
import torch
import torch.nn.utils.prune

import microgradient.torch as ours

MODULES = ((torch, torch.nn.utils.prune), (ours, ours.nn.utils.prune))

LAYERS = """
Linear(2, 3) | Linear(2, 3, bias=False) | LazyLinear(3) | Identity() | Conv2d(2, 4, 3, 2, 1, groups=2)
Conv2d(2, 4, 3, padding='same', padding_mode='reflect', dilation=2) | ConvTranspose2d(2, 4, 3, output_padding=1, stride=2)
MaxPool2d((2, 1), 2, 1, ceil_mode=True) | AvgPool2d(2) | LPPool2d(2, 3) | AdaptiveAvgPool2d((1, None)) | CTCLoss() | BCELoss()
FractionalMaxPool2d(2, output_size=1) | LayerNorm(3) | GroupNorm(1, 2) | RMSNorm(3) | LocalResponseNorm(2) | CosineSimilarity()
ReLU() | ReLU(True) | ELU(0.5, True) | GELU('tanh') | LeakyReLU(0.2) | PReLU() | RReLU() | Softshrink() | Hardshrink()
Hardtanh(0, 1, True) | Threshold(0.1, 2) | GLU() | Softmax(1) | Softmax() | Dropout() | Dropout2d(0.2, True) | Embedding(3, 4)
Embedding(3, 4, padding_idx=0, max_norm=1.0) | EmbeddingBag(3, 4) | Flatten() | Unflatten(1, (2, 3)) | PixelShuffle(2) | Unfold(2)
Upsample(scale_factor=2) | Upsample((2, 3), mode='bilinear') | UpsamplingNearest2d(scale_factor=2) | ZeroPad2d(1)
ConstantPad1d(1, 2.0) | ReflectionPad2d(1)
LSTM(2, 3, 2, batch_first=True, dropout=0.1, bidirectional=True) | GRUCell(2, 3, bias=False)
MultiheadAttention(4, 2) | TransformerEncoder(TransformerEncoderLayer(4, 2, 8), 2) | TransformerDecoderLayer(4, 2, 8)
PairwiseDistance()
ModuleList([Linear(1, 1), Linear(1, 1), ReLU()]) | ModuleDict({'a': Linear(1, 1)}) | Sequential() | Sequential(Linear(1, 1))[0]
utils.parametrizations.weight_norm(Linear(2, 2)) | utils.spectral_norm(Linear(2, 2))
prune.l1_unstructured(Linear(2, 2), 'bias', 1)
"""


@pytest.mark.parametrize("line", LAYERS.strip().splitlines())
@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")
def test_layers(line):
    for text in line.split(" | "):
        theirs, own = (repr(eval(text, {**vars(module.nn), "prune": prune})) for module, prune in MODULES)
        assert own == theirs, text


OPTIMIZERS = "SGD Adam AdamW RMSprop Adagrad Adadelta Adamax NAdam RAdam Rprop ASGD LBFGS Adafactor"


@pytest.mark.parametrize("name", OPTIMIZERS.split())
def test_optimisers(name):
    found = []
    for module in (torch, ours):
        parameters = [module.nn.Parameter(module.ones(n)) for n in (1, 2)]
        optimizer = getattr(module.optim, name)(parameters[:1], lr=0.1)
        if name != "LBFGS":
            optimizer.add_param_group({"params": parameters[1:], "lr": 0.01})
            module.optim.lr_scheduler.StepLR(optimizer, 1)
        groups = optimizer.state_dict()["param_groups"]
        found.append((repr(optimizer), [str(sorted(group.items())) for group in groups]))
    assert found[0] == found[1]


def test_learning_rates_are_those_of_pytorch_to_the_last_digit():
    found = []
    for module in (torch, ours):
        kinds = module.optim.lr_scheduler
        for make in (
            lambda o, kinds=kinds: kinds.StepLR(o, 2),
            lambda o, kinds=kinds: kinds.MultiStepLR(o, [1, 3, 3], 0.3),
            lambda o, kinds=kinds: kinds.ExponentialLR(o, 0.95),
            lambda o, kinds=kinds: kinds.LambdaLR(o, lambda epoch: 0.9**epoch),
        ):
            for lr in (0.1, 0.001, 0.3):
                optimizer = module.optim.SGD([module.nn.Parameter(module.ones(1))], lr=lr)
                scheduler = make(optimizer)
                for _ in range(8):
                    found.append(optimizer.param_groups[0]["lr"])
                    optimizer.param_groups[0]["params"][0].grad = module.zeros(1)
                    optimizer.step()
                    scheduler.step()
    half = len(found) // 2
    assert found[:half] == found[half:]


def test_what_does_not_fit_a_module():
    found = []
    for module in (torch, ours):
        nn = module.nn
        states = [{}, {"0.weight": module.ones(3, 3), "0.bias": module.ones(2), "z": module.ones(1)}]
        texts = [str(nn.Sequential(nn.Linear(2, 2)).load_state_dict({"0.bias": module.ones(2)}, strict=False))]
        for state in states:
            with pytest.raises(RuntimeError) as error:
                nn.Sequential(nn.Linear(2, 2)).load_state_dict(state)
            texts.append(str(error.value))
        found.append(texts)
    for theirs, own in zip(*found, strict=True):
        assert own.startswith(theirs)
