"""Recurrent networks: a language model with truncated backpropagation, LSTM cells with LBFGS in double, a GRU encoder and decoder."""

import math

import torch.nn as nn
import torch.nn.functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

import torch
from torch import optim


class RNNModel(nn.Module):
    def __init__(self, rnn_type, ntoken, ninp, nhid, nlayers, dropout=0.2, tie_weights=True):
        super().__init__()
        self.ntoken, self.rnn_type, self.nhid, self.nlayers = ntoken, rnn_type, nhid, nlayers
        self.drop, self.encoder = nn.Dropout(dropout), nn.Embedding(ntoken, ninp)
        self.rnn = getattr(nn, rnn_type)(ninp, nhid, nlayers, dropout=dropout)
        self.decoder = nn.Linear(nhid, ntoken)
        if tie_weights:
            self.decoder.weight = self.encoder.weight
        nn.init.uniform_(self.encoder.weight, -0.1, 0.1)
        nn.init.zeros_(self.decoder.bias)

    def forward(self, input, hidden):
        output, hidden = self.rnn(self.drop(self.encoder(input)), hidden)
        decoded = self.decoder(self.drop(output)).view(-1, self.ntoken)
        return F.log_softmax(decoded, dim=1), hidden

    def init_hidden(self, bsz):
        weight = next(self.parameters())
        if self.rnn_type == "LSTM":
            return (weight.new_zeros(self.nlayers, bsz, self.nhid), weight.new_zeros(self.nlayers, bsz, self.nhid))
        return weight.new_zeros(self.nlayers, bsz, self.nhid)


def batchify(data, bsz):
    nbatch = data.size(0) // bsz
    return data.narrow(0, 0, nbatch * bsz).view(bsz, -1).t().contiguous()


def repackage_hidden(h):
    return h.detach() if isinstance(h, torch.Tensor) else tuple(repackage_hidden(v) for v in h)


torch.manual_seed(1111)
corpus = batchify(torch.tensor([(i * 7 + i * i) % 12 for i in range(400)]), 4)
for kind in ("LSTM", "GRU", "RNN"):
    model = RNNModel(kind, 12, 16, 16, 2)
    criterion, hidden, lr, total = nn.NLLLoss(), model.init_hidden(4), 1.0, 0.0
    for i in range(0, 60, 10):
        data, targets = corpus[i : i + 10], corpus[i + 1 : i + 11].view(-1)
        model.zero_grad()
        hidden = repackage_hidden(hidden)
        output, hidden = model(data, hidden)
        loss = criterion(output, targets)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 0.25)
        for p in model.parameters():
            p.data.add_(p.grad, alpha=-lr)
        total += loss.item()
    print(kind, f"{total / 6:.4f} {math.exp(loss.item()):.3f}")


class Sequence(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm1, self.lstm2, self.linear = nn.LSTMCell(1, 8), nn.LSTMCell(8, 8), nn.Linear(8, 1)

    def forward(self, input, future=0):
        outputs = []
        h_t, c_t, h_t2, c_t2 = (torch.zeros(input.size(0), 8, dtype=torch.double) for _ in range(4))
        for input_t in input.split(1, dim=1):
            h_t, c_t = self.lstm1(input_t, (h_t, c_t))
            h_t2, c_t2 = self.lstm2(h_t, (h_t2, c_t2))
            output = self.linear(h_t2)
            outputs += [output]
        for i in range(future):
            h_t, c_t = self.lstm1(output, (h_t, c_t))
            h_t2, c_t2 = self.lstm2(h_t, (h_t2, c_t2))
            output = self.linear(h_t2)
            outputs += [output]
        return torch.cat(outputs, dim=1)


torch.manual_seed(0)
wave = torch.sin(torch.arange(20, dtype=torch.double)[None] / 2 + torch.arange(3)[:, None])
seq = Sequence()
seq.double()
criterion = nn.MSELoss()
optimizer = optim.LBFGS(seq.parameters(), lr=0.8)


def closure():
    optimizer.zero_grad()
    loss = criterion(seq(wave[:, :-1]), wave[:, 1:])
    loss.backward()
    return loss


for i in range(2):
    print(f"lbfgs {optimizer.step(closure).item():.6f}")
with torch.no_grad():
    print(seq(wave[:, :-1], future=5).shape)

# packed sequences of different lengths, and attention over what the encoder saw
torch.manual_seed(3)
sentences = [torch.tensor([1, 2, 3, 4]), torch.tensor([5, 6]), torch.tensor([7, 8, 9])]
lengths = torch.tensor([len(s) for s in sentences])
padded = pad_sequence(sentences, batch_first=True)
embed, gru = nn.Embedding(10, 6, padding_idx=0), nn.GRU(6, 5, batch_first=True, bidirectional=True)
packed = pack_padded_sequence(embed(padded), lengths, batch_first=True, enforce_sorted=False)
out, h = gru(packed)
out, out_lengths = pad_packed_sequence(out, batch_first=True)
print(out.shape, out_lengths.tolist(), h.shape, f"{out.sum().item():.4f}")
query = h.transpose(0, 1).reshape(3, -1)
scores = torch.bmm(out, query.unsqueeze(2)).squeeze(2)
scores = scores.masked_fill(torch.arange(out.size(1))[None, :] >= lengths[:, None], -1e9)
context = torch.bmm(F.softmax(scores, dim=1).unsqueeze(1), out).squeeze(1)
context.pow(2).sum().backward()
print(f"{embed.weight.grad.norm().item():.5f} {embed.weight.grad[0].abs().sum().item()}")
