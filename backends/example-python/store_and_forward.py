"""Store-and-forward of whole flows: each flow waits until every link of its path is free, then holds all of them.

    wait = max(0, latest time at which a link of the path gets free - start)      first come, first served
    FCT  = wait + ideal FCT        every link of the path is then busy for size / rate of that link

Ignores sharing, packets and congestion control; a flow alone takes its ideal FCT.
"""


def rows(name, skip):
    with open(name, encoding="ascii") as file:
        return [line.split() for line in file.readlines()[skip:]]


# topology.txt: "nodes switches links", the ids of the switches, then "a b rate delay error-rate" per link.
rate = {}
for a, b, bps, _delay, _errors in rows("topology.txt", 2):
    rate[a, b] = rate[b, a] = int(bps.removesuffix("bps"))  # bit/s; a cable is two channels

# path_1.txt: "flows,paths", then "id:src-dst,a-b,b-c,...," per flow; ideal.txt: "id ns" per flow.
path = {}
for (row,) in rows("path_1.txt", 1):
    flow, links = row.split(":")
    path[flow] = [tuple(link.split("-")) for link in links.split(",")[1:-1]]
ideal_ns = {flow: int(ns) for flow, ns in rows("ideal.txt", 0)}

# flows.txt: the number of flows, then "id src dst priority port size start" by start, in bytes and seconds.
free_at = {}  # channel -> ns
with open("fct.csv", "w", encoding="ascii") as out:
    print("id,fct_ns", file=out)
    for flow, _src, _dst, _priority, _port, size, start in rows("flows.txt", 1):
        start_ns = round(float(start) * 1e9)
        begin = max([start_ns] + [free_at.get(link, 0) for link in path[flow]])
        for link in path[flow]:
            free_at[link] = begin + int(size) * 8 * 10**9 // rate[link]
        print(f"{flow},{begin - start_ns + ideal_ns[flow]}", file=out)
