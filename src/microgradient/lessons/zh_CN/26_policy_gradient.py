# %% [markdown]
# # 26 · 策略梯度；有多个输出的模型
# *没有人说哪一步走对了，只是后来才有奖励；外面的世界也没法求导。那么梯度从哪里来？*
#
# 对应文章 6.3 节，以及第 9 节的问题 3 到 5。答案是（Williams 1992）：自己选动作的概率 π(a) 可以求导。
# 平均奖励的变化率是 ∂/∂θ Σ π(a) R(a) = Σ π(a) · R(a) · ∂ log π(a)/∂θ，它又是一个平均值，对按 π 抽取的动作来求。
# 要让奖励变大，所以抽到一次动作的损失就是 −R · log π(a)。

# %%
import numpy as np

import microgradient as mg
from microgradient import nn, optim

logits = mg.tensor([0.0, 0.0], requires_grad=True)
loss = -2.0 * mg.log_softmax(logits)[1]  # 抽到的是动作 1，奖励为 2
loss.backward()

# %% question
# 两个动作的概率都是 0.5。∂L/∂logits 是多少？（∂ log π(a)/∂logits 对抽到的动作是 1 − π，对别的动作是 −π。）
answer = [1.0, -1.0]
assert mg.check_answer(logits, answer)

# %%
rewards, point = mg.tensor([-1.0, 0.5, 2.0]), mg.tensor([0.3, -0.2, 0.1])
exact = mg.grad(lambda s: mg.sum(mg.softmax(s) * rewards))(point)
by_log = sum(mg.softmax(point)[a] * rewards[a] * mg.grad(lambda s, a=a: mg.log_softmax(s)[a])(point) for a in range(3))
print("平均奖励的梯度：", exact.data, " 各梯度的平均：", by_log.data)

# %% [markdown]
# ## 走一趟，该谢哪一步？
# 五个位置排成一行，从中间出发，可以向左（动作 0），也可以向右（动作 1）。走到哪一端都算结束：左端奖励 0.3，
# 右端奖励 1，每走一步扣 0.1。衡量一步，要用它*之后*的总收获，即回报 G，再减去平常的水平，即基线 b：
# ∂L/∂θ = −Σ (Gₜ − b) · ∂ log π(aₜ|sₜ)/∂θ。策略就是一张 logits 表。

# %%
policy = nn.Parameter(mg.zeros((5, 2)))
rng = np.random.default_rng(6)


def walk():
    places, actions = [2], []
    while 0 < places[-1] < 4:
        left, right = np.exp(policy.data[places[-1]])
        actions.append(int(rng.random() < right / (left + right)))
        places.append(places[-1] + 2 * actions[-1] - 1)
    returns = (1.0 if places[-1] == 4 else 0.3) - 0.1 * np.arange(len(actions), 0, -1)
    return np.array(places[:-1]), np.array(actions), returns


def loss_of(places, actions, advantages):
    log_chances = mg.log_softmax(policy[places], axis=1)
    return -mg.sum(advantages * log_chances[np.arange(len(actions)), actions])


places, actions, returns = walk()
with mg.trace():
    loss = loss_of(places, actions, returns - 0.4)
    loss.backward()
for t in range(len(places)):
    print(f"第 {t} 步：位置 {places[t]} {'→' if actions[t] else '←'}   G − b = {returns[t] - 0.4:+.1f}")

# %% question
# 此时每个概率都是 0.5。∂L/∂policy[2, 1]，也就是对“在位置 2 向右”的偏导数，是多少？有两步是从位置 2 迈出的。
answer = -0.1
assert mg.check_answer(policy.grad.data[2, 1], answer)

# %%
print(mg.why(policy, (2, 1)))

# %% [markdown]
# v1[t, 1] 就是第 t 步：哪一步的奖励把权重推向哪边，一目了然。减去基线不改变这种梯度的平均值，因为
# Σ π(a) · ∂ log π(a)/∂θ = ∂/∂θ Σ π(a) = 0；但梯度会更集中。然后用 b = 0.4 让这张表学习。

# %%
walks = [walk() for _ in range(500)]
for baseline in (0.0, np.mean([returns[0] for _, _, returns in walks])):
    found = []
    for places, actions, returns in walks:
        policy.grad = None
        loss_of(places, actions, returns - baseline).backward()
        found.append(policy.grad.data[2, 1])
    print(f"b = {baseline:.2f}：∂L/∂policy[2, 1] 为 {np.mean(found):+.2f} ± {np.std(found):.2f}")

optimizer = optim.SGD([policy], lr=0.2)
for update in range(300):
    places, actions, returns = (np.concatenate(x) for x in zip(*(walk() for _ in range(4)), strict=True))
    optimizer.zero_grad()
    (loss_of(places, actions, returns - 0.4) / 4).backward()
    optimizer.step()
    if update % 100 == 99:
        chances = mg.softmax(policy, axis=1).data[1:4, 1]
        print(f"更新 {update + 1} 次：在位置 1、2、3 向右的概率：", *chances.round(2))

# %% [markdown]
# ## 多个输出
# 对问题 3 到 5，文章的回答是分别计算每个输出的梯度。可是反向遍历只能从*一个*数出发：有几个损失，就按需要加权求和，
# 一次遍历里，共享的权重就得到了来自各个损失的全部贡献。一个样本有多个标签时，和里面每个标签各有一项二元交叉熵。
# 只有要把各个输出的导数分开，也就是要雅可比矩阵时，才需要每个输出遍历一次。

# %%
w = mg.Value(0.5, label="w")
first, second = 3.0 * w, w * w
L = first + 2.0 * second
L.backward()

# %% question
# ∂L/∂w 是多少？
answer = 5.0
assert mg.check_answer(w, answer)

# %%
print(mg.paths(w, of=L))
print("每个输出一行：", mg.jacobian(lambda w: mg.stack([3.0 * w, w * w]))(mg.tensor(0.5)).data)

# %% [markdown]
# **记住：** 世界不能求导，就对概率求导，再按各自带来的结果加权。
# 最后一课到此结束。面对自己的计算图，`mg.why`、`mg.paths` 和 `mg.view` 随时可用。
