# %% [markdown]
# # 3 · 链式法则
#
# *每个运算只知道自己的斜率，那么整体的斜率由谁知道？*
#
# 谁也不必知道：一条链上的斜率是相乘的，每个运算只需乘上自己的那个因子。钟形曲线 L = exp(-x²) 就是三个运算的链：
# 平方，取负，取指数。
# （对应文章 2.1 节：用链式法则进行的反向传播。）

# %%
import microgradient as mg
from microgradient.scalar import Value

x = Value(1.0, label="x")
u = x**2
v = -u
L = v.exp()
L.backward()
print(f"u = {u.data}   v = {v.data}   L = {L.data:.4f}")

# %% [markdown]
# 想想齿轮就明白了。如果 u 的转速是 x 的两倍，v 与 u 同速反转，那么 v 就以 x 的两倍转速反转。所以
#
# **∂L/∂x = ∂L/∂v · ∂v/∂u · ∂u/∂x**
#
# 每个因子都*在计算实际经过的那一点*取值：∂u/∂x = 2x，取 x = 1；∂v/∂u = -1；∂L/∂v = exp(v)，正是已经算出来的 L。
# exp 的规则用的是它的输出，不是输入。

# %% question
# ∂L/∂u 等于多少？（两个因子相乘；L 的值上面已经打印。三位有效数字即可。）
answer = -0.3679
assert mg.check_answer(u, answer)

# %% question
# ∂L/∂x 呢？
answer = -0.7358
assert mg.check_answer(x, answer)

# %% [markdown]
# 下面是全过程，一次一个运算：先求值，再反向遍历。在终端里用 → 和 ← 可以前进，也可以后退，按 q 离开；
# 在别处则把各步打印出来。

# %%
mg.step(L)

# %% [markdown]
# 反向遍历的每一步只做了一次乘法：到达的数 × 自己的斜率。从头到尾没有出现过 exp(-x²) 的导数公式。
# 整条路径写成一行就是：

# %%
print(mg.paths(x, of=L))

# %% [markdown]
# ## 从另一端开始
#
# 三个数的乘积，从哪一端乘起都行。从右端乘起，问的是：x 以速度 1 移动时，u、v、L 各以多快的速度移动？
# 这就是*前向模式*：速度与函数值一起算出，顺序也相同。


# %%
def chain(x):
    u = x**2
    v = -u
    return u, v, mg.exp(v)


_, speeds = mg.jvp(chain, (1.0,), (1.0,))

# %% question
# x 以速度 1 移动，v 的速度是多少？
answer = -2.0
assert mg.check_answer(speeds[1].item(), answer)

# %%
print("前向，u、v、L 的速度：      ", "  ".join(f"{speed.item():+.4f}" for speed in speeds))
print("反向，L 对 v、u、x 的斜率： ", "  ".join(f"{node.grad:+.4f}" for node in (v, u, x)))

# %% [markdown]
# 两行的最后一个数相同，都是 ∂L/∂x；前面的数却不同。前向模式得到的是*所有量*对*一个*输入的导数：网络若有一百万个权重，
# 就要算一百万遍。反向模式得到的是*一个*输出对*所有量*的导数。损失只是一个数，所以训练网络用反向。
#
# **记住：** 沿着链往回走，每个运算把到达的数乘以自己的斜率。*下一课：* 一个数被用了两次，于是有两条链通到它。
