"""Translation of made-up sentences: nn.Transformer with its masks, positions in a buffer, padding, label smoothing, beam search."""

import math
from collections import Counter

import torch.nn as nn
from torch.nn.utils.rnn import pad_sequence

import torch
from torch import Tensor

UNK, PAD, BOS, EOS = range(4)
SPECIALS = ["<unk>", "<pad>", "<bos>", "<eos>"]


class Vocab:
    def __init__(self, sentences):
        counted = Counter(word for sentence in sentences for word in sentence.split())
        self.itos = SPECIALS + sorted(counted, key=lambda w: (-counted[w], w))
        self.stoi = {w: i for i, w in enumerate(self.itos)}

    def __call__(self, sentence):
        words = [self.stoi.get(w, UNK) for w in sentence.split()]
        return torch.cat((torch.tensor([BOS]), torch.tensor(words), torch.tensor([EOS])))


class PositionalEncoding(nn.Module):
    def __init__(self, emb_size: int, dropout: float, maxlen: int = 50):
        super().__init__()
        den = torch.exp(-torch.arange(0, emb_size, 2) * math.log(10000) / emb_size)
        pos = torch.arange(0, maxlen).reshape(maxlen, 1)
        pos_embedding = torch.zeros((maxlen, emb_size))
        pos_embedding[:, 0::2] = torch.sin(pos * den)
        pos_embedding[:, 1::2] = torch.cos(pos * den)
        self.dropout = nn.Dropout(dropout)
        self.register_buffer("pos_embedding", pos_embedding.unsqueeze(-2), persistent=False)

    def forward(self, token_embedding: Tensor) -> Tensor:
        return self.dropout(token_embedding + self.pos_embedding[: token_embedding.size(0), :])


class TokenEmbedding(nn.Module):
    def __init__(self, vocab_size, emb_size):
        super().__init__()
        self.embedding, self.emb_size = nn.Embedding(vocab_size, emb_size), emb_size

    def forward(self, tokens: Tensor):
        return self.embedding(tokens.long()) * math.sqrt(self.emb_size)


class Seq2SeqTransformer(nn.Module):
    def __init__(self, layers, emb_size, nhead, src_vocab, tgt_vocab, dim_feedforward=32, dropout=0.1):
        super().__init__()
        self.transformer = nn.Transformer(emb_size, nhead, layers, layers, dim_feedforward, dropout)
        self.generator = nn.Linear(emb_size, tgt_vocab)
        self.src_tok_emb, self.tgt_tok_emb = TokenEmbedding(src_vocab, emb_size), TokenEmbedding(tgt_vocab, emb_size)
        self.positional_encoding = PositionalEncoding(emb_size, dropout=dropout)

    def forward(self, src, trg, src_mask, tgt_mask, src_padding_mask, tgt_padding_mask, memory_key_padding_mask):
        src_emb = self.positional_encoding(self.src_tok_emb(src))
        tgt_emb = self.positional_encoding(self.tgt_tok_emb(trg))
        outs = self.transformer(
            src_emb, tgt_emb, src_mask, tgt_mask, None, src_padding_mask, tgt_padding_mask, memory_key_padding_mask
        )
        return self.generator(outs)

    def encode(self, src, src_mask):
        return self.transformer.encoder(self.positional_encoding(self.src_tok_emb(src)), src_mask)

    def decode(self, tgt, memory, tgt_mask):
        return self.transformer.decoder(self.positional_encoding(self.tgt_tok_emb(tgt)), memory, tgt_mask)


def generate_square_subsequent_mask(sz):
    mask = (torch.triu(torch.ones((sz, sz))) == 1).transpose(0, 1)
    return mask.float().masked_fill(mask == 0, float("-inf")).masked_fill(mask == 1, float(0.0))


def create_mask(src, tgt):
    tgt_mask = generate_square_subsequent_mask(tgt.shape[0])
    src_mask = torch.zeros((src.shape[0], src.shape[0])).type(torch.bool)
    return src_mask, tgt_mask == float("-inf"), (src == PAD).transpose(0, 1), (tgt == PAD).transpose(0, 1)


def greedy_decode(model, src, src_mask, max_len):
    memory, ys = model.encode(src, src_mask), torch.ones(1, 1).fill_(BOS).type(torch.long)
    for _ in range(max_len - 1):
        out = model.decode(ys, memory, generate_square_subsequent_mask(ys.size(0)).type(torch.bool)).transpose(0, 1)
        _, next_word = torch.max(model.generator(out[:, -1]), dim=1)
        ys = torch.cat([ys, torch.ones(1, 1).type_as(src.data).fill_(next_word.item())], dim=0)
        if next_word.item() == EOS:
            break
    return ys


def beam_search(model, src, src_mask, max_len, width):
    memory, beams = model.encode(src, src_mask), [(0.0, [BOS])]
    for _ in range(max_len - 1):
        tokens = torch.tensor([b for _, b in beams]).T
        logits = model.generator(model.decode(tokens, memory.expand(-1, len(beams), -1), None)[-1])
        scores = torch.tensor([s for s, _ in beams])[:, None] + logits.log_softmax(-1)
        best = torch.topk(scores.flatten(), width)
        rows, columns = best.indices.div(scores.size(1), rounding_mode="floor"), best.indices % scores.size(1)
        beams = [(s, beams[r][1] + [c]) for s, r, c in zip(best.values.tolist(), rows.tolist(), columns.tolist())]
    return beams


words = {"a": "uno", "cat": "gatto", "dog": "cane", "sees": "vede", "big": "grande", "the": "il"}
pairs = []
for who in ("a cat", "the dog", "a big dog", "the big cat"):
    for whom in ("a dog", "the cat", "the big big dog"):
        sentence = f"{who} sees {whom}"
        pairs.append((sentence, " ".join(words[w] for w in reversed(sentence.split()))))
src_vocab, tgt_vocab = Vocab([p[0] for p in pairs]), Vocab([p[1] for p in pairs])
print(src_vocab.itos, len(tgt_vocab.itos))
torch.manual_seed(0)
model = Seq2SeqTransformer(2, 16, 2, len(src_vocab.itos), len(tgt_vocab.itos))
for p in model.parameters():
    if p.dim() > 1:
        nn.init.xavier_uniform_(p)
print(sum(p.numel() for p in model.parameters()), [k for k in model.state_dict() if "pos" in k])
loss_fn = torch.nn.CrossEntropyLoss(ignore_index=PAD, label_smoothing=0.05)
optimizer = torch.optim.Adam(model.parameters(), lr=0.002, betas=(0.9, 0.98), eps=1e-9)
scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min((step + 1) ** -0.5, (step + 1) * 8**-1.5) * 3)
for epoch in range(4):
    model.train()
    total = 0.0
    for at in torch.randperm(len(pairs)).split(4):
        src = pad_sequence([src_vocab(pairs[i][0]) for i in at], padding_value=PAD)
        tgt = pad_sequence([tgt_vocab(pairs[i][1]) for i in at.tolist()], padding_value=PAD)
        tgt_input = tgt[:-1, :]
        src_mask, tgt_mask, src_padding_mask, tgt_padding_mask = create_mask(src, tgt_input)
        logits = model(src, tgt_input, src_mask, tgt_mask, src_padding_mask, tgt_padding_mask, src_padding_mask)
        optimizer.zero_grad()
        tgt_out = tgt[1:, :]
        loss = loss_fn(logits.reshape(-1, logits.shape[-1]), tgt_out.reshape(-1))
        loss.backward()
        optimizer.step()
        scheduler.step()
        total += loss.item()
    print(f"Epoch: {epoch}, Train loss: {total / 3:.3f}, lr {scheduler.get_last_lr()[0]:.6f}")
model.eval()
with torch.no_grad():
    src = src_vocab("the big cat sees a mouse").view(-1, 1)
    src_mask = (torch.zeros(src.shape[0], src.shape[0])).type(torch.bool)
    out = greedy_decode(model, src, src_mask, max_len=8).flatten()
    print(" ".join(tgt_vocab.itos[i] for i in out), src.flatten().tolist())
    for score, tokens in beam_search(model, src, src_mask, 6, 3):
        print(f"{score:.3f}", tokens)
