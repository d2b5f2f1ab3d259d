"""Sequence to sequence: an encoder, a decoder with attention, and names that an RNN classifies and invents."""

import random
import string
import unicodedata

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import optim
from torch.utils.data import DataLoader, RandomSampler, TensorDataset

torch.manual_seed(0)
random.seed(0)
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
SOS_token, EOS_token, MAX_LENGTH = 0, 1, 7


class Lang:
    def __init__(self, name):
        self.name = name
        self.word2index = {}
        self.word2count = {}
        self.index2word = {0: "SOS", 1: "EOS"}
        self.n_words = 2

    def addSentence(self, sentence):
        for word in sentence.split(" "):
            if word not in self.word2index:
                self.word2index[word] = self.n_words
                self.word2count[word] = 1
                self.index2word[self.n_words] = word
                self.n_words += 1
            else:
                self.word2count[word] += 1


pairs = [p.split("|") for p in "je suis froid|i am cold;tu es grand|you are tall;il est la|he is there;je suis la|i am there;elle est grande|she is tall;tu es la|you are there".split(";")]
input_lang, output_lang = Lang("fra"), Lang("eng")
for a, b in pairs:
    input_lang.addSentence(a)
    output_lang.addSentence(b)
print(input_lang.n_words, output_lang.n_words, random.choice(pairs))


class EncoderRNN(nn.Module):
    def __init__(self, input_size, hidden_size, dropout_p=0.1):
        super(EncoderRNN, self).__init__()
        self.hidden_size = hidden_size
        self.embedding = nn.Embedding(input_size, hidden_size)
        self.gru = nn.GRU(hidden_size, hidden_size, batch_first=True)
        self.dropout = nn.Dropout(dropout_p)

    def forward(self, input):
        embedded = self.dropout(self.embedding(input))
        output, hidden = self.gru(embedded)
        return output, hidden


class BahdanauAttention(nn.Module):
    def __init__(self, hidden_size):
        super(BahdanauAttention, self).__init__()
        self.Wa = nn.Linear(hidden_size, hidden_size)
        self.Ua = nn.Linear(hidden_size, hidden_size)
        self.Va = nn.Linear(hidden_size, 1)

    def forward(self, query, keys):
        scores = self.Va(torch.tanh(self.Wa(query) + self.Ua(keys)))
        scores = scores.squeeze(2).unsqueeze(1)
        weights = F.softmax(scores, dim=-1)
        context = torch.bmm(weights, keys)
        return context, weights


class AttnDecoderRNN(nn.Module):
    def __init__(self, hidden_size, output_size, dropout_p=0.1):
        super(AttnDecoderRNN, self).__init__()
        self.embedding = nn.Embedding(output_size, hidden_size)
        self.attention = BahdanauAttention(hidden_size)
        self.gru = nn.GRU(2 * hidden_size, hidden_size, batch_first=True)
        self.out = nn.Linear(hidden_size, output_size)
        self.dropout = nn.Dropout(dropout_p)

    def forward(self, encoder_outputs, encoder_hidden, target_tensor=None):
        batch_size = encoder_outputs.size(0)
        decoder_input = torch.empty(batch_size, 1, dtype=torch.long, device=device).fill_(SOS_token)
        decoder_hidden = encoder_hidden
        decoder_outputs, attentions = [], []
        for i in range(MAX_LENGTH):
            decoder_output, decoder_hidden, attn_weights = self.forward_step(decoder_input, decoder_hidden, encoder_outputs)
            decoder_outputs.append(decoder_output)
            attentions.append(attn_weights)
            if target_tensor is not None:
                decoder_input = target_tensor[:, i].unsqueeze(1)
            else:
                _, topi = decoder_output.topk(1)
                decoder_input = topi.squeeze(-1).detach()
        decoder_outputs = torch.cat(decoder_outputs, dim=1)
        decoder_outputs = F.log_softmax(decoder_outputs, dim=-1)
        attentions = torch.cat(attentions, dim=1)
        return decoder_outputs, decoder_hidden, attentions

    def forward_step(self, input, hidden, encoder_outputs):
        embedded = self.dropout(self.embedding(input))
        query = hidden.permute(1, 0, 2)
        context, attn_weights = self.attention(query, encoder_outputs)
        input_gru = torch.cat((embedded, context), dim=2)
        output, hidden = self.gru(input_gru, hidden)
        output = self.out(output)
        return output, hidden, attn_weights


indexes = lambda lang, s: [lang.word2index[w] for w in s.split(" ")] + [EOS_token]  # noqa: E731
ids = {0: [indexes(input_lang, a) for a, _ in pairs], 1: [indexes(output_lang, b) for _, b in pairs]}
padded = [torch.LongTensor([row + [0] * (MAX_LENGTH - len(row)) for row in rows]).to(device) for rows in ids.values()]
train_data = TensorDataset(*padded)
train_dataloader = DataLoader(train_data, sampler=RandomSampler(train_data), batch_size=3)
encoder = EncoderRNN(input_lang.n_words, 16).to(device)
decoder = AttnDecoderRNN(16, output_lang.n_words).to(device)
encoder_optimizer = optim.Adam(encoder.parameters(), lr=0.01)
decoder_optimizer = optim.Adam(decoder.parameters(), lr=0.01)
criterion = nn.NLLLoss()
for epoch in range(1, 11):
    total_loss = 0
    for input_tensor, target_tensor in train_dataloader:
        encoder_optimizer.zero_grad()
        decoder_optimizer.zero_grad()
        encoder_outputs, encoder_hidden = encoder(input_tensor)
        decoder_outputs, _, _ = decoder(encoder_outputs, encoder_hidden, target_tensor)
        loss = criterion(decoder_outputs.view(-1, decoder_outputs.size(-1)), target_tensor.view(-1))
        loss.backward()
        encoder_optimizer.step()
        decoder_optimizer.step()
        total_loss += loss.item()
    if epoch % 2 == 0:
        print("(%d %d%%) %.4f" % (epoch, epoch / 10 * 100, total_loss / len(train_dataloader)))
encoder.eval()
decoder.eval()
with torch.no_grad():
    for a, b in pairs[:3]:
        encoder_outputs, encoder_hidden = encoder(torch.tensor(indexes(input_lang, a), dtype=torch.long, device=device).view(1, -1))
        decoder_outputs, decoder_hidden, attn = decoder(encoder_outputs, encoder_hidden)
        _, topi = decoder_outputs.topk(1)
        words = []
        for idx in topi.squeeze():
            if idx.item() == EOS_token:
                words.append("<EOS>")
                break
            words.append(output_lang.index2word[idx.item()])
        print(">", a, "=", b, "<", " ".join(words))
    print(attn[0, :2].cpu())

# names
all_letters = string.ascii_letters + " .,;'"
n_letters = len(all_letters)
unicodeToAscii = lambda s: "".join(c for c in unicodedata.normalize("NFD", s) if unicodedata.category(c) != "Mn" and c in all_letters)  # noqa: E731
print(unicodeToAscii("Ślusàrski"))
category_lines = {"Czech": "Abl Adsit Ajdrna Alt Antonowitsch".split(), "Korean": "Ahn Baik Bang Byon Cha".split(), "Italian": "Abandonato Abatangelo Abate Abba Abbadelli".split()}
all_categories = list(category_lines)


def lineToTensor(line):
    tensor = torch.zeros(len(line), 1, n_letters)
    for li, letter in enumerate(line):
        tensor[li][0][all_letters.find(letter)] = 1
    return tensor


class RNN(nn.Module):
    def __init__(self, input_size, hidden_size, output_size):
        super(RNN, self).__init__()
        self.hidden_size = hidden_size
        self.i2h = nn.Linear(input_size, hidden_size)
        self.h2h = nn.Linear(hidden_size, hidden_size)
        self.h2o = nn.Linear(hidden_size, output_size)
        self.softmax = nn.LogSoftmax(dim=1)

    def forward(self, input, hidden):
        hidden = F.tanh(self.i2h(input) + self.h2h(hidden))
        output = self.softmax(self.h2o(hidden))
        return output, hidden

    def initHidden(self):
        return torch.zeros(1, self.hidden_size)


rnn = RNN(n_letters, 32, len(all_categories))
output, next_hidden = rnn(lineToTensor("Albert")[0], torch.zeros(1, 32))
print(output, lineToTensor("Jones").size())
current_loss = 0
for it in range(1, 151):
    category = random.choice(all_categories)
    line = random.choice(category_lines[category])
    line_tensor = lineToTensor(line)
    hidden = rnn.initHidden()
    rnn.zero_grad()
    for i in range(line_tensor.size()[0]):
        output, hidden = rnn(line_tensor[i], hidden)
    loss = criterion(output, torch.tensor([all_categories.index(category)], dtype=torch.long))
    loss.backward()
    for p in rnn.parameters():
        p.data.add_(p.grad.data, alpha=-0.02)
    current_loss += loss.item()
    if it % 50 == 0:
        top_n, top_i = output.topk(1)
        guess = all_categories[top_i[0].item()]
        print("%d %.4f %s / %s %s" % (it, current_loss / 50, line, guess, "✓" if guess == category else "✗ (%s)" % category))
        current_loss = 0
confusion = torch.zeros(3, 3)
with torch.no_grad():
    for k, c in enumerate(all_categories):
        for line in category_lines[c]:
            hidden = rnn.initHidden()
            for t in lineToTensor(line):
                output, hidden = rnn(t, hidden)
            confusion[k][output.argmax(1).item()] += 1
for i in range(3):
    denom = confusion[i].sum()
    if denom > 0:
        confusion[i] = confusion[i] / denom
print(confusion)


class Generator(nn.Module):
    def __init__(self, input_size, hidden_size, output_size):
        super().__init__()
        self.hidden_size = hidden_size
        self.i2h = nn.Linear(3 + input_size + hidden_size, hidden_size)
        self.i2o = nn.Linear(3 + input_size + hidden_size, output_size)
        self.o2o = nn.Linear(hidden_size + output_size, output_size)
        self.dropout = nn.Dropout(0.1)

    def forward(self, category, input, hidden):
        input_combined = torch.cat((category, input, hidden), 1)
        hidden = self.i2h(input_combined)
        output = self.i2o(input_combined)
        output_combined = torch.cat((hidden, output), 1)
        output = F.log_softmax(self.dropout(self.o2o(output_combined)), dim=1)
        return output, hidden


gen = Generator(n_letters + 1, 24, n_letters + 1)
for it in range(20):
    k = random.randrange(3)
    line = random.choice(category_lines[all_categories[k]])
    category_tensor = torch.zeros(1, 3)
    category_tensor[0][k] = 1
    target = torch.LongTensor([all_letters.find(c) for c in line[1:]] + [n_letters]).unsqueeze_(-1)
    hidden, loss = torch.zeros(1, 24), torch.Tensor([0])
    gen.zero_grad()
    letters = torch.zeros(len(line), 1, n_letters + 1)
    letters.scatter_(2, torch.tensor([all_letters.find(c) for c in line]).view(-1, 1, 1), 1.0)
    for i in range(letters.size(0)):
        output, hidden = gen(category_tensor, letters[i], hidden)
        loss += criterion(output, target[i])
    loss.backward()
    for p in gen.parameters():
        p.data.add_(p.grad.data, alpha=-0.005)
    if it % 5 == 0:
        print(it, "%.4f" % (loss.item() / letters.size(0)))
