"""Makes the golden values of the m4 engine with torch, written independently of the Rust code.

Writes `torchscript/*.pt` (the eight files the original program exports, with random weights and small dimensions) and `golden.tsv`:
flows of a small scenario with their ends in picoseconds under the published event loop ("merge": groups of flows merge and stay
together) and under connected components ("split"), both in double precision, without the capacity bound.

    python3 make_golden.py        needs torch; made with torch 1.13.1

Topology: hosts 0-2 on switch 6, hosts 3-5 on switch 7, both switches on switch 8; 10 Gb/s, 1 us. Transport: TIMELY.
"""

import math
import os
import random

import torch
from torch import nn

HIDDEN, WIDTHS, HEAD = 12, [12, 20, 17, 12], 9
PARAMETERS = [13.0, 12.0, 0, 0, 0, 1.0, 0, 0, 0, 0, 0, 48.0, 101.0]
HOSTS = {0: 6, 1: 6, 2: 6, 3: 7, 4: 7, 5: 7}
HERE = os.path.dirname(os.path.abspath(__file__))


class Conv(nn.Module):
    def __init__(self, i: int, o: int):
        super().__init__()
        self.lin, self.lin_l, self.lin_r = nn.Linear(i, i), nn.Linear(i, o), nn.Linear(i, o, bias=False)

    def forward(self, x: torch.Tensor, adjacency: torch.Tensor) -> torch.Tensor:
        return self.lin_l(adjacency @ torch.relu(self.lin(x))) + self.lin_r(x)


class Inner(nn.Module):
    def __init__(self, i: int, o: int):
        super().__init__()
        self.conv, self.norm = Conv(i, o), nn.LayerNorm(o)

    def forward(self, x: torch.Tensor, adjacency: torch.Tensor) -> torch.Tensor:
        return self.norm(self.conv(x, adjacency))


class Layer(nn.Module):
    def __init__(self, i: int, o: int):
        super().__init__()
        self.homogeneous_layer = Inner(i, o)

    def forward(self, x: torch.Tensor, adjacency: torch.Tensor) -> torch.Tensor:
        return self.homogeneous_layer(x, adjacency)


class Cell(nn.Module):
    def __init__(self, i: int):
        super().__init__()
        self.seq_cell = nn.GRUCell(i, HIDDEN)

    def forward(self, x: torch.Tensor, h: torch.Tensor) -> torch.Tensor:
        return self.seq_cell(x, h)


def modules():
    torch.manual_seed(1)
    m = {f"gnn_layer_{i}": Layer(WIDTHS[i], WIDTHS[i + 1]) for i in range(3)}
    m["lstmcell_time"], m["lstmcell_time_link"] = Cell(1), Cell(1)
    m["lstmcell_rate"], m["lstmcell_rate_link"] = Cell(HIDDEN + 13), Cell(HIDDEN)
    m["output_layer"] = nn.Sequential(nn.Linear(14 + HIDDEN, HEAD), nn.ReLU(), nn.Dropout(0.2), nn.Linear(HEAD, 1))
    with torch.no_grad():
        for i in range(3):
            norm = m[f"gnn_layer_{i}"].homogeneous_layer.norm
            norm.weight.uniform_(0.5, 1.5)
            norm.bias.uniform_(-0.5, 0.5)
        m["output_layer"][0].weight[:, 1:14] *= 0.02  # parameters of 100 must not drown the state
        m["output_layer"][3].weight *= 2.0
        m["output_layer"][3].bias.fill_(2.0)
    return m


def scenario():
    draw = random.Random(5)
    start, flows = 1_000_000_000, []
    for _ in range(30):
        src = draw.randrange(6)
        dst = draw.choice([h for h in HOSTS if h != src])
        size = draw.choice([1, 700, 1000, 5_000, 40_000, 200_000])
        flows.append((src, dst, size, start))
        start += draw.choice([0, 500, 3_000, 60_000])
    return flows


def path(src, dst):
    a, b = HOSTS[src], HOSTS[dst]
    hops = [src, a, b, dst] if a == b else [src, a, 8, b, dst]
    hops = [h for i, h in enumerate(hops) if i == 0 or h != hops[i - 1]]
    return list(zip(hops, hops[1:]))


def ideal_ns(size, links):
    wire = lambda count: count * 8 // 10
    head = min(size, 1000)
    return links * (1000 + wire(head + 48)) + wire(size - head) + (size - 1) // 1000 * wire(48)


class Simulation:
    def __init__(self, m, flows, merge):
        self.m, self.flows, self.merge = m, flows, merge
        self.paths = [path(s, d) for s, d, _, _ in flows]
        self.h, self.z, self.last, self.group, self.active, self.end = {}, {}, {}, {}, [], {}
        self.parameters = torch.tensor(PARAMETERS, dtype=torch.double)

    def predictions(self):
        for f in self.active:
            x = torch.cat([torch.tensor([float(len(self.paths[f]))], dtype=torch.double), self.parameters, self.h[f]])
            slowdown = max(1.0, float(self.m["output_layer"](x)))
            yield self.flows[f][3] * 1000 + round(slowdown * ideal_ns(self.flows[f][2], len(self.paths[f])) * 1000), f

    def run(self):
        now, waiting = 0, list(range(len(self.flows)))
        while waiting or self.active:
            end, f = min(((max(now, t), f) for t, f in self.predictions()), default=(math.inf, None))
            arrival = self.flows[waiting[0]][3] * 1000 if waiting else math.inf
            if arrival < end:
                now, f = arrival, waiting.pop(0)
                self.arrive(f, now)
            else:
                now = end
                self.depart(f, now)
        return self.end

    def neighbours(self, f):
        return [g for g in self.active if set(self.paths[g]) & set(self.paths[f])]

    def component(self, f):
        if self.merge:
            return [g for g in self.active if self.group[g] == self.group[f]]
        found = [f]
        for g in found:
            found += [n for n in self.neighbours(g) if n not in found]
        return sorted(found)

    def arrive(self, f, now):
        h = torch.zeros(HIDDEN, dtype=torch.double)
        h[0], h[2], h[3] = 1.0, math.log2(self.flows[f][2] / 1000 + 1), len(self.paths[f])
        self.h[f], self.last[f], self.group[f] = h, now, f
        joined = {self.group[g] for g in self.neighbours(f)}
        self.active.append(f)
        for g in self.active:
            if self.group[g] in joined:
                self.group[g] = f
        self.update(self.component(f), now)

    def depart(self, f, now):
        rest = [g for g in self.component(f) if g != f]
        self.active.remove(f)
        self.end[f] = now
        busy = {link for g in self.active for link in self.paths[g]}
        self.z = {link: z for link, z in self.z.items() if link in busy}
        if rest:
            self.update(rest, now)

    def update(self, s, now):
        links = sorted({link for f in s for link in self.paths[f]})
        idle = torch.zeros(HIDDEN, dtype=torch.double)
        idle[1] = idle[2] = 1.0
        h = torch.stack([self.h[f] for f in s])
        z = torch.stack([self.z.get(link, idle) for link in links])
        elapsed = max(now - self.last[f] for f in s)
        if elapsed > 0:
            d = torch.full((1, 1), elapsed / 1e6, dtype=torch.double)
            h = self.m["lstmcell_time"](d.expand(len(s), 1), h)
            z = self.m["lstmcell_time_link"](d.expand(len(links), 1), z)
        adjacency = torch.zeros(len(s) + len(links), len(s) + len(links), dtype=torch.double)
        for i, f in enumerate(s):
            for link in self.paths[f]:
                j = len(s) + links.index(link)
                adjacency[i, j] = adjacency[j, i] = 1.0
        x = torch.cat([h, z])
        for i in range(3):
            x = self.m[f"gnn_layer_{i}"](x, adjacency)
        h = self.m["lstmcell_rate"](torch.cat([x[: len(s)], self.parameters.expand(len(s), 13)], 1), h)
        z = self.m["lstmcell_rate_link"](x[len(s) :], z)
        self.h.update(zip(s, h))
        self.z.update(zip(links, z))
        self.last.update((f, now) for f in s)


def main():
    m = modules()
    for name, module in m.items():
        torch.jit.script(module.eval()).save(os.path.join(HERE, "torchscript", f"{name}.pt"))
    m = {name: module.double() for name, module in m.items()}
    flows = scenario()
    with torch.no_grad():
        merge, split = Simulation(m, flows, True).run(), Simulation(m, flows, False).run()
    with open(os.path.join(HERE, "golden.tsv"), "w") as out:
        out.write("src\tdst\tsize_bytes\tstart_ns\tideal_ns\tend_merge_ps\tend_split_ps\n")
        for f, (src, dst, size, start) in enumerate(flows):
            ideal = ideal_ns(size, len(path(src, dst)))
            out.write(f"{src}\t{dst}\t{size}\t{start}\t{ideal}\t{merge[f]}\t{split[f]}\n")


main()
