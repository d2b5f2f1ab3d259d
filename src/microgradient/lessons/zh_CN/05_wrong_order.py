# %% [markdown]
# # 5 · 错误的顺序
#
# *反向遍历沿着箭头往回走。先走哪个节点、后走哪个节点，有关系吗？*
#
# 有：每条规则都没错，梯度照样可能是错的。顺序还决定代价：顺序对了，代价与运算的个数成正比，
# 并不像文章 3.3 节担心的那样呈指数增长。
# （对应文章 3.2 节第 3 步。那里按层的顺序进行；这里看它在任意形状的计算图上变成什么。）

# %%
import microgradient as mg
from microgradient.explain.mistakes import MISTAKES, Mistake
from microgradient.explain.sweep import sweep_of
from microgradient.scalar import Value

a, one, two = Value(2.0, label="a"), Value(1.0, label="one"), Value(2.0, label="two")
b = a + one
c = b * two
d = b * c
nodes = {"a": a, "b": b, "c": c, "d": d}
d.backward()
print(f"b = {b.data}   c = {c.data}   d = {d.data}")

# %% [markdown]
# b 用了两次，一次用于 c，一次用于 d。（合起来 d = 2b²，所以沿 b 的斜率是 4b。）

# %% question
# ∂d/∂a 等于多少？
answer = 12.0
assert mg.check_answer(a, answer)


# %% [markdown]
# 现在用手来遍历。`v._backward()` 把 v 的规则执行一次：算出上游 × 局部导数，加到 v 的各个来源的 `grad` 里。
# （这个名字沿用 micrograd。）留给我们决定的只有顺序。


# %%
def sweep_in(order):
    for v in nodes.values():
        v.grad = 0
    d.grad = 1
    for name in order:
        nodes[name]._backward()
    return a.grad


# %% question
# 如果 b 先于 c 执行，a 得到多少？（这时 b 只有 d 送来的部分，c 的那部分还没到。）
answer = 6.0
assert mg.check_answer(sweep_in("dbc"), answer)

# %%
for order in ("dcb", "dbc", "bcd"):
    print(" → ".join(order), "的顺序，a 得到", sweep_in(order))

# %% [markdown]
# b 的规则每次都没有错，后两次错在它处理的数还不完整。所以：**一个节点要等该到的全部到齐，才能往下送**。
# 也就是说，要排在所有用到它的运算之后。把求值顺序倒过来，必定满足这一点，因为任何数都要先算出来才能使用。
# 引擎给运算编号，再按编号倒序排列，仅此而已。
#
# ## 四种错法
#
# ✗ 表示该节点送出的数并不是它的梯度。四种错法依次是：递归、叶子优先、不累加、不清零。

# %%
sweep = sweep_of(d, nodes)
for kind in MISTAKES:
    wrong = Mistake(sweep, kind)
    print(f"{kind}：a 得到 {wrong.gradients.get(sweep.node(a), 0)}，应为 {sweep.adjoints[sweep.node(a)]}")
    for use, total in wrong.steps:
        sender, receiver = sweep.names[use.node], sweep.names[use.parent]
        if receiver in nodes:
            told = f"  {sender} 把 {use.contribution:4} 送给 {receiver}，{receiver} 此时有 {total:4}"
            print(told if use.upstream == sweep.adjoints[use.node] else f"{told}   ✗ {sender} 还没到齐")

# %% [markdown]
# 叶子优先时，b 和 c 执行得太早，还没有东西到达，也就没有东西可送。“不清零”没有 ✗ 却还是错了：两次遍历各自都对，
# 只是第二次加到了第一次留在 a 的结果上（见第 9 课）。
#
# 递归是最容易想到的写法：每个节点把手里的数传下去，再轮到它的来源。b 沿两条路径各被访问一次，先到的 6 就多送了一遍。
# 如果每次只送新到的部分，结果倒是对的，但每条*路径*都要单独走一遍。把一个数翻倍十次，有多少条路径？

# %%
x = Value(1.0, label="x")
y = x
for _ in range(10):
    y = y + y

# %% question
# 从 y 到 x 有多少条路径？
answer = 1024
assert mg.check_answer(mg.paths(x, of=y).count, answer)

# %%
for _ in range(30):
    y = y + y
paths, doublings = mg.paths(x, of=y).count, len(sweep_of(y, {}).order) - 1
print(f"翻倍 {doublings} 次：路径 {paths:,} 条；反向遍历只用 {doublings} 次规则")

# %% [markdown]
# “计算量随层数呈指数增长”，只有把路径一条条走完时才是这样。反向遍历先把到达一个节点的全部贡献加起来，*然后*才往下走，
# 于是经过它的所有路径一起继续前进：每个运算只处理一次；无论多深，求梯度的代价都只是求值的几倍。
#
# **记住：** 最后算出来的，最先往回送。在 `mg.view(d)` 页面底部可以选一种错法，看着它出错。
# *下一课：* 许多数汇到一处，就是一个神经元。
