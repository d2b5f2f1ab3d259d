# %% [markdown]
# # 2 · 差商
#
# *算导数的程序本身也可能出错，怎么知道它给出的导数是对的？*
#
# 去问函数自己：把自变量挪动一点，看函数值变化多少。这不需要任何求导规则，而且两个改变量之比正是导数的定义。
# （对应文章 2.1 节的“自动微分”。人们常把它与数值微分混为一谈，这里把两者放在一起看。）

# %%
import math

import microgradient as mg
from microgradient.scalar import MLP, Value


def f(x):
    return x**3


a = Value(2.0, label="a")
L = f(a)
L.backward()

# %% question
# 按幂函数的求导规则，∂L/∂a 等于多少？
answer = 12.0
assert mg.check_answer(a, answer)


# %% [markdown]
# 再用差商来求，有两种取法：从 2 到 2 + h，或者从 2 - h 到 2 + h。


# %%
def one_sided(h):
    return (f(2.0 + h) - f(2.0)) / h


def central(h):
    return (f(2.0 + h) - f(2.0 - h)) / (2 * h)


# %% question
# 先取很粗的一步，h = 1：中心差商 (3³ - 1³) / 2 等于多少？
answer = 13.0
assert mg.check_answer(central(1.0), answer)

# %% [markdown]
# 误差从哪里来？展开即知：(2 + h)³ = 8 + 12h + 6h² + h³。于是
#
# * 单侧差商：12 + 6h + h²。步长减半，误差减半。
# * 中心差商：12 + h²。偶次项相消。步长减半，误差减为四分之一。
#
# 对别的函数，这在主阶上同样成立，只是 6 换成 f″/2，1 换成 f‴/6。

# %% question
# h = 0.1 时，中心差商偏离了多少？
answer = 0.01
assert mg.check_answer(central(0.1) - 12.0, answer)

# %% [markdown]
# 既然越小越好，何不直接取 h = 1e-16？全都试一遍。下面每个圆点代表一位正确的数字。


# %%
def dots(quotient):
    return "●" * round(-math.log10(max(abs(quotient / 12.0 - 1.0), 1e-16)))


print("h        单侧             中心")
for k in range(0, 18, 2):
    h = 10.0**-k
    print(f"{h:.0e}    {dots(one_sided(h)):16} {dots(central(h))}")

# %% [markdown]
# 先是越来越准，随后越来越差，最后一位也不剩：到 1e-16 时，计算机已经分不清 2 + h 和 2。浮点数有 16 位有效数字，
# 所以 f(2 + h) 只准到约 1e-16 · 8，差商只准到约 1e-15 / h。两种误差此消彼长，一种是 h²，一种是 1e-15 / h，
# 在 h = 1e-5 附近相等。差商的精度到此为止：十位左右。
#
# `mg.why` 每解释一个数，都会取一次这样的差商（h 是 6e-6 乘以 a 的大小），写在最后一行：

# %%
print(mg.why(a))

# %% [markdown]
# `mg.check_gradients` 对任何函数都做这种数值检验，步长可以自己给：把它调到失灵为止。


# %%
def bell(x):
    return mg.exp(-x * x)


for h in (1e-1, 6e-6, 1e-14):
    try:
        mg.check_gradients(bell, 1.0, order=1, step=h)
        print(f"h = {h:.0e}：两者有五位数字一致")
    except mg.errors.GradientError as error:
        print(f"h = {h:.0e}：{str(error).partition(';')[0]}")

# %% [markdown]
# 报错只说“我们的”（ours）与“有限差分”（finite difference）不一致，并不断言哪一个错；这里两次都是差分不准。
#
# 那为什么不干脆全用差商？因为*每一个参数*都要多算两次函数，还要损失一半的有效数字。
# 反向遍历一次，代价只相当于几次函数求值，却得到全部参数的导数，而且不损失有效数字。

# %%
n = len(MLP(3, [4, 4, 1]).parameters())
print(f"{n} 个参数的网络：用差商要算 {2 * n} 次；用规则只算一次，再反向遍历一次")

# %% [markdown]
# **记住：** 求导靠规则，又快又准；检验靠差商，h 既不能大，也不能太小。在 `mg.view(L)` 的页面里，拖动滑块可以改变 a，
# 检验会随之更新。*下一课：* 几条规则前后相接。
