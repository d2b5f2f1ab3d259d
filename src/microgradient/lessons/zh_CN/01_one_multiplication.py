# %% [markdown]
# # 1 · 一次乘法
#
# *要对一个乘积求导，程序需要知道什么？*
#
# 只需一条规则，一行就写得下。这一课让这一行单独运行：作用于数，作用于数组，也作用于字母。
# （对应文章 2.1 节，“微梯度”一词的出处。）

# %%
import inspect

import numpy as np

import microgradient as mg
from microgradient.primitives import TABLE
from microgradient.scalar import Value

a, b = Value(2.0, label="a"), Value(-3.0, label="b")
c = a * b
print(f"c = a · b = {c.data}")

# %% [markdown]
# 让 a 增加一个小量 ε，b 保持不变：(a + ε)·b = a·b + ε·b。乘积改变了 ε·b，所以它沿 a 方向的斜率就是 b：
#
# **∂c/∂a = b，同理 ∂c/∂b = a。**
#
# 每个因子的斜率是*另一个*因子。`backward()` 求出 c 对每个数的导数，存入那个数的 `grad`。

# %%
c.backward()

# %% question
# ∂c/∂a 等于多少？
answer = -3.0
assert mg.check_answer(a, answer)

# %%
print(mg.why(a))

# %% [markdown]
# 第二行从左往右读：从上游到达 c 的是 ∂c/∂c = 1，乘以局部导数 ∂c/∂a，得到这条边的贡献。计算图的一条边上，
# *上游 × 局部导数*，这个乘积就是一个微梯度；反向传播的其余部分，不过是围绕它的记账。
#
# 顺带澄清一个说法：文章说自动微分求的是“每个节点对目标节点的偏导数”，这里主次颠倒了，求的是*目标对每个节点*的偏导数。
#
# 如果 c 不是终点，到达它的就不再是 1。设 L = k·c，k = 5。

# %%
k = Value(5.0, label="k")
a, b = Value(2.0, label="a"), Value(-3.0, label="b")
L = k * (a * b)
L.backward()

# %% question
# ∂L/∂b 等于多少？（到达乘积 a·b 的数，乘以 a·b 沿 b 方向的斜率。）
answer = 10.0
assert mg.check_answer(b, answer)

# %% [markdown]
# ## 这一行本身
#
# Microgradient 的全部导数只写一遍，都在 `rules.py` 里，每种运算占一行。下面打印的就是乘法那一行的原文：
# t 是到达的梯度，y 是运算结果，每个自变量各有一个映射。

# %%
print(inspect.getsource(TABLE["multiply"].maps[0]).strip())
to_a, to_b = TABLE["multiply"].maps

# %% [markdown]
# 这一行并不关心自己处理的是什么样的“数”。所以同样两个函数，既能处理单个的数，也能处理整个数组；如果交给它的是字母，
# 而字母会把对自己做过的运算写下来，得到的就是公式。（第一个参数本是存放 exp 等函数的命名空间，乘法用不着。）


# %%
class Letter(str):
    def __mul__(self, other):
        return Letter(f"{self}·{other}")

    def __truediv__(self, other):
        return Letter(f"{self}/{other}")

    def __neg__(self):
        return Letter(f"-{self}")


print("数      ", to_a(None, 5.0, -6.0, 2.0, -3.0), to_b(None, 5.0, -6.0, 2.0, -3.0))
print("数组    ", to_a(None, np.ones(3), None, np.array([1.0, 2.0, 3.0]), np.array([4.0, 5.0, 6.0])))
letters = [Letter(x) for x in ("t", "y", "a", "b")]
for name in ("multiply", "divide"):
    print(f"{name:8}", " 和 ".join(rule(None, *letters) for rule in TABLE[name].maps))

# %% [markdown]
# 商 y = a / b 说明了为什么还要把结果 y 交给规则：∂y/∂b = -a/b² 就是 -y/b，少做一次除法。
# （`microgradient.explain.symbolic_world` 做的事与 `Letter` 相同，只是用上了 sympy 的代数。）
#
# 对张量求导，用的也是同一行规则。`mg.sum` 把各个乘积加成一个数，反向时给每个乘积送回 1。

# %%
x = mg.tensor([1.0, 2.0, 3.0], requires_grad=True)
y = mg.tensor([0.5, -1.0, 4.0])
total = mg.sum(x * y)
total.backward()

# %% question
# ∂total/∂x 等于什么？（三个数。）
answer = [0.5, -1.0, 4.0]
assert mg.check_answer(x, answer)

# %% [markdown]
# **记住：** 在程序里，导数是一条规则，它规定往回送什么：上游 × 局部导数。`mg.view(L)` 可以在浏览器里看到这张计算图。
# *下一课：* 怎样在不信任规则的前提下，确认规则是对的。
