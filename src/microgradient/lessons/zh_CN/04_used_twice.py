# %% [markdown]
# # 4 · 用了两次：两条路径相加
#
# *沿着一条链，斜率相乘。可是一个数如果用在两处，两个斜率里哪一个才是它的梯度？*
#
# 是两者之和。这一课说明为什么，把这个和拆开来看，再堵住其中一条路径，看还剩下什么。
# （文章 2.1 节提到链式法则；这里是它在多条路径时的形式。）

# %%
import microgradient as mg
from microgradient.scalar import Value

a, b = Value(2.0, label="a"), Value(-3.0, label="b")
c = a * b
d = a + b
L = c * d
L.backward()
print(f"c = {c.data}   d = {d.data}   L = {L.data}")

# %% [markdown]
# 让 a 增加 ε，则 c 改变 b·ε，d 改变 ε，乘积变为
#
# (c + b·ε)·(d + ε) = c·d + (b·d + c)·ε + b·ε²
#
# 精确到 ε 的一次项，每处使用对 L 的影响，都如同另一处静止不动；两处的影响相加。两处同时在动，只体现在 ε² 项里。
# 所以斜率是 b·d + c：**同一条路径上相乘，不同路径之间相加。**

# %% question
# ∂L/∂a = b·d + c 等于多少？
answer = -3.0
assert mg.check_answer(a, answer)

# %% question
# ∂L/∂b 呢？（把 a 与 b 的角色对调即可。）
answer = -8.0
assert mg.check_answer(b, answer)

# %%
print(mg.why(a))

# %% [markdown]
# 两项贡献方向相反：-3 是 +3 与 -6 相抵的结果，而光看 -3 看不出这一点。一个很小的梯度，可能是两个大数相抵后的余额。
#
# `backward()` 对 `grad` 做的是*累加*而不是赋值，原因就在这里。如果写成赋值，留下的只是最后到达的那项贡献；
# 在单链上它碰巧正确，这个错误会一直潜伏，直到有一个数被用了两次。
#
# ## 堵住一条路径
#
# 假如没有任何东西经 d 传回来，∂L/∂b 会是多少？这时只剩路径 L → c → b：c·d 沿 c 的斜率，乘以 a·b 沿 b 的斜率。

# %% question
# 去掉 L 到 d 的那条边，∂L/∂b 还剩多少？
answer = -2.0
assert mg.check_answer(mg.paths(b, without=[("L", "d")]).total, answer)

# %%
print(mg.paths(b))
print(mg.paths(b, without=[("L", "d")]))

# %% [markdown]
# 剩下的是*固定 d 时*的偏导数。热力学里写作 (∂L/∂b)，右下角再标一个小小的 d，意思完全一样：
# 导数是什么，取决于固定哪些量不动。在程序里要固定 d，就只取它的数值，舍去它的来历；
# 对张量来说，`detach()` 给出的正是这样一份拷贝。

# %%
held = Value(d.data, label="held")
L2 = (a * b) * held
print("固定 d：", mg.why(b, of=L2).gradient)

# %% [markdown]
# 两次使用也可以是同一个运算的两个自变量。a · a · a 有三条路径；
# 幂的求导规则 3a² = a² + a² + a²，无非就是这三条路径之和。

# %%
cube = a * a * a
print(mg.paths(a, of=cube))

# %% [markdown]
# **记住：** 沿路径相乘，跨路径相加。在 `mg.view(L)` 的“路径”（Paths）里，点一下就能堵住一条边。
# *下一课：* 路径可以有上百万条。按什么顺序走，才能让每个节点只经过一次？
