# %% [markdown]
# # 25 · A small GPT, compiled
# *A language model has many thousands of parameters, and in training each is changed thousands of times. Can any one of
# these changes still be explained?*
#
# Sections 6.2 and 8.2 of the article. A GPT is lesson 24 in layers: attention, then a small network, each added to what
# was there. This one reads a language in which the verb agrees with the *first* noun, however near the second may be.

# %%
import time

import numpy as np

import microgradient as mg
from microgradient import nn, optim
from microgradient.nn.functional import cross_entropy

MATCH = {"cat": "sees", "dog": "sees", "bird": "sees", "fox": "sees"}
MATCH |= {"cats": "see", "dogs": "see", "birds": "see", "foxes": "see"}
TEXT = [f"the {a} near the {b} {MATCH[a]} mice and cheese .".split() for a in MATCH for b in MATCH]
WORDS = sorted({word for sentence in TEXT for word in sentence})
CODES = np.array([[WORDS.index(word) for word in sentence] for sentence in TEXT])
PLACES = CODES.shape[1] - 1  # at each the next word is to be foreseen


class GPT(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.words, self.places = nn.Embedding(len(WORDS), width), nn.Embedding(PLACES, width)
        block = nn.TransformerEncoderLayer(width, 2, 4 * width, 0.0, "gelu", batch_first=True, norm_first=True)
        self.blocks = nn.TransformerEncoder(block, 2)
        self.head = nn.Linear(width, len(WORDS), bias=False)
        nn.init.zeros_(self.head.weight)  # all words have the same chance at first

    def forward(self, codes):
        length = codes.shape[1]
        future = mg.tensor(np.triu(np.ones((length, length), bool), 1))  # True: may not be asked
        return self.head(self.blocks(self.words(codes) + self.places(mg.tensor(np.arange(length))), future))

    def loss(self, codes):
        return cross_entropy(mg.reshape(self(codes[:, :-1]), (-1, len(WORDS))), mg.reshape(codes[:, 1:], (-1,)))


def start():
    mg.manual_seed(0)
    model, rng = GPT(), np.random.default_rng(0)
    optimizer = optim.Adam(model.parameters(), lr=3e-3)

    def step(codes):
        optimizer.zero_grad()
        loss = model.loss(codes)
        loss.backward()
        optimizer.step()
        return loss

    return model, step, lambda: mg.tensor(CODES[rng.integers(len(CODES), size=16)])


model, step, batch = start()
loss = model.loss(batch())
loss.backward()
print(f"{sum(p.size for p in model.parameters()):,} parameters")

# %% question
# There are 16 words, and at first all have the same chance. What is the loss, −log of the right word's? (ln 2 = 0.693)
answer = 2.77
assert mg.check_answer(loss.item(), answer)

# %% question
# How long is the gradient of the words' embedding in this step? (Below the head arrives (p − y) @ W; its weights W are 0.)
answer = 0.0
assert mg.check_answer(mg.linalg.vector_norm(model.words.weight.grad).item(), answer)

# %% [markdown]
# Only the head learns in the first step; from the second on, all do. Now 300 steps: operation by operation for a few of
# them, then compiled, forward pass, backward pass and Adam as one native call. The nouns can't be foreseen, so the loss
# can't fall below 2 · ln 8 for every nine words.

# %%
for name, count, make in (("operation by operation", 10, lambda step: step), ("compiled", 300, mg.compile)):
    model, step, batch = start()
    run = make(step)
    losses = [run(batch()).item()]
    started = time.perf_counter()
    losses += [run(batch()).item() for _ in range(count - 1)]
    print(f"{name}: {1e3 * (time.perf_counter() - started) / (count - 1):.2f} ms a step")
print(f"loss {losses[0]:.3f} → {np.mean(losses[-50:]):.3f}; the least possible {2 * np.log(8) / PLACES:.3f}")
foreseen = model(mg.tensor(CODES[:, :5])).data[:, -1].argmax(axis=1)
print(f"the right verb in {np.sum(foreseen == CODES[:, 5])} of {len(CODES)} sentences")

# %% [markdown]
# ## Back to any step
# Draws, batches and arithmetic are the same in every run, to the last bit. So no step has to be recorded: the run is
# repeated up to the one that is to be seen, which is done under a trace. Then any weight can be asked.

# %%
for steps in (0, 1, 100):
    model, step, batch = start()
    run = mg.compile(step)
    assert [run(batch()).item() for _ in range(steps)] == losses[:steps]  # equal in every bit
    model.zero_grad()
    codes = batch()
    with mg.trace():
        loss = model.loss(codes)
        loss.backward()
    found = mg.why(model.blocks.layers[0].self_attn.in_proj_weight, (64, 5), top=3)
    print(
        f"step {steps}: loss {loss.item():.5f} (then {losses[steps]:.5f}), w {found.value:.5f}, ∂L/∂w {found.gradient:.1e}"
    )
print(found)
for edge in found.edges:
    sentence, place = divmod(edge.index[0], PLACES)
    print(f"{edge.contribution:+.6f} at place {place} of:", *(WORDS[code] for code in codes.data[sentence]))

# %% [markdown]
# The weight helps to make the values of lesson 24; [n, 64] is the n-th word of all 16 sentences. Any other weight, and any
# other step, will do as well; `mg.view(loss)` shows the whole graph of a step.
#
# **Remember:** where a computation can be repeated exactly, every gradient in it can still be opened afterwards.
# *Next:* learning without being told what is right: rewards.
