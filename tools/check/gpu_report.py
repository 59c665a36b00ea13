"""What tools/check/gpu found, as gpu.json and gpu.md.

gpu_report.py LINES RESULTS    LINES: device.txt, and of each section SECTION.state and SECTION.out
"""

import json
import os
import sys

PEAK = 67000  # GFLOP/s of an H200 in fp32
SECTIONS = "build hashes tests copy kernels torch steps training sanitizer".split()


def read(path):
    try:
        with open(path, errors="replace") as file:
            return file.read().splitlines()
    except FileNotFoundError:
        return []


def objects(lines):
    for line in lines:
        if line.startswith("{"):
            try:
                yield json.loads(line)
            except ValueError:  # a section that was cut in the middle of a line
                pass


def collect(folder):
    found = {
        "format": 1,
        "device": dict((line.split("\t") + [""])[:2] for line in read(f"{folder}/device.txt")),
    }
    found["sections"] = []
    rows = []
    for name in SECTIONS:
        for line in read(f"{folder}/{name}.state"):
            state, seconds, note = line.split("\t", 2)
            found["sections"].append(
                {"section": name, "state": state, "seconds": int(seconds), "note": note}
            )
        rows += [(name, row) for row in objects(read(f"{folder}/{name}.out"))]
    for kind, key in (
        ("kernels", "kernel"),
        ("steps", "workload"),
        ("copies", "copy"),
        ("hashes", "preset"),
        ("training", "run"),
    ):
        found[kind] = [row for _, row in rows if key in row]
    for row in found["training"]:
        del row["run"]
    found["tests"] = [
        {"section": name, "result": line.split("]", 1)[1].strip()}
        for name in ("tests", "sanitizer")
        for line in read(f"{folder}/{name}.out")
        if line.startswith(("[doctest] test cases", "[doctest] assertions"))
        or "ERROR SUMMARY" in line
        or "RACECHECK SUMMARY" in line
    ]
    found["targets"] = targets(found)
    return found


def targets(found):
    """What is wanted, as far as it was measured."""

    def ours(names, sizes=None):
        for row in found["kernels"]:
            numbers = [s for s in row["shape"] if not isinstance(s, str)]
            if (
                row["kernel"] in names
                and row["impl"] == "latent"
                and "us" in row
                and (sizes is None or sizes(numbers))
            ):
                yield row, numbers

    def best(names, sizes, rate, of):
        shares = [100 * (row.get(rate) or 0) / of for row, _ in ours(names, sizes)]
        return min(shares) if shares and of else None

    def large(numbers):
        count = 1
        for n in numbers:
            count *= n
        return count >= 1 << 24

    copies = [row.get("gbps") or 0 for row, _ in ours(["copy"], large)] + [
        r["gbps"] for r in found["copies"] if r["copy"] == "on the device"
    ]
    copy = max(copies, default=0)
    convolutions = ["conv forward", "conv data", "conv filter"]
    wide = lambda n: n[5] == 3 and min(n[3], n[4]) >= 64 and n[0] >= 128
    ms = {
        row["impl"]: row["ms"]
        for row in found["steps"]
        if row["workload"] == "vae64" and "ms" in row
    }
    replays = [row["replay_us"] for row in found["steps"] if "replay_us" in row]
    rows = [
        (
            "gemm 4096^3, % of 67 TFLOP/s",
            ">=",
            45,
            best(["gemm"], lambda n: n == [4096] * 3, "gflops", PEAK),
        ),
        (
            "3x3 convolutions of 64 channels and more, % of 67 TFLOP/s, the least",
            ">=",
            45,
            best(convolutions, wide, "gflops", PEAK),
        ),
        (
            "reparameterise and KL in one, % of copy speed",
            ">=",
            60,
            best(["reparameterise_kl"], large, "gbps", copy),
        ),
        (
            "sums, % of copy speed, the least",
            ">=",
            90,
            best(["sum", "row_sum", "col_sum"], large, "gbps", copy),
        ),
        ("Adam, % of copy speed", ">=", 90, best(["adam"], large, "gbps", copy)),
        (
            "vae64, PyTorch eager over ours",
            ">=",
            2,
            ms["torch.eager"] / ms["latent"] if {"torch.eager", "latent"} <= ms.keys() else None,
        ),
        ("queueing a step, us of the CPU, the most", "<", 20, max(replays, default=None)),
        ("hashes that agree, %", ">=", 100, agreement(found["hashes"])),
    ]
    out = []
    for what, sign, wanted, got in rows:
        got = None if got is None else round(got, 2)
        met = None if got is None else got >= wanted if sign == ">=" else got < wanted
        out.append({"target": what, "wanted": f"{sign} {wanted}", "measured": got, "met": met})
    return out


def cpu_hashes(hashes):
    return {(row["preset"], row["steps"]): row["hash"] for row in hashes if row["device"] == "cpu"}


def agreement(hashes):
    cpu = cpu_hashes(hashes)
    others = [row for row in hashes if row["device"] != "cpu"]
    same = [row for row in others if cpu.get((row["preset"], row["steps"])) == row["hash"]]
    return 100 * len(same) / len(others) if others else None


# ---- Markdown ------------------------------------------------------------------------------------


def cell(value):
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1000 else f"{value:.0f}"
    return str(value).replace("|", "/")


def table(title, head, rows, numbers_from=1):
    rule = ["---" if i < numbers_from else "---:" for i in range(len(head))]
    lines = [f"## {title}", "", "| " + " | ".join(head) + " |", "|" + "|".join(rule) + "|"]
    lines += ["| " + " | ".join(cell(c) for c in row) + " |" for row in rows]
    return "\n".join(lines if rows else [f"## {title}", "", "Not measured."]) + "\n"


def kernel_table(rows):
    impls = ["latent"] + sorted({row["impl"] for row in rows} - {"latent"})
    places = {}
    for row in rows:
        places.setdefault((row["kernel"], json.dumps(row["shape"])), {})[row["impl"]] = row
    lines = []
    for (kernel, shape), by in places.items():
        mine = by.get("latent", {})
        rate = next(
            (
                f"{cell(mine[k])} {unit}"
                for k, unit in (("gflops", "GFLOP/s"), ("gbps", "GB/s"))
                if mine.get(k)
            ),
            "",
        )
        times = [by.get(impl, {}).get("us") for impl in impls]
        peers = [t for t in times[1:] if t]
        ratio = min(peers) / times[0] if peers and times[0] else None
        lines.append([kernel, shape, *times, rate, mine.get("roofline"), ratio])
    head = [
        "kernel",
        "shape",
        *[f"{impl}, us" for impl in impls],
        "ours",
        "% of roofline",
        "best peer over ours",
    ]
    return table("Kernels", head, lines, 2)


def markdown(found):
    device = found["device"]
    lines = [f"# {device.get('device', 'unknown device')}, {device.get('date', '')}", ""]
    lines += [
        f"- {key}: {value}"
        for key, value in device.items()
        if value and key not in ("device", "date")
    ]
    lines += ["", "By `tools/check/gpu`; kernels and steps are medians.", ""]
    lines.append(
        table(
            "Targets",
            ["", "wanted", "measured", "met"],
            [list(t.values()) for t in found["targets"]],
        )
    )
    lines.append(kernel_table(found["kernels"]))
    steps = [
        [
            r["workload"],
            r["impl"],
            r.get("ms"),
            r.get("min"),
            r.get("max"),
            r.get("replay_us"),
            r.get("error"),
        ]
        for r in found["steps"]
    ]
    lines.append(
        table(
            "Training steps",
            ["step", "by", "ms", "least", "most", "queueing, us of the CPU", ""],
            steps,
            2,
        )
    )
    lines.append(
        table("Copies", ["copy", "GB/s"], [[r["copy"], r["gbps"]] for r in found["copies"]])
    )
    cpu = cpu_hashes(found["hashes"])
    hashes = [
        [
            r["preset"],
            r["device"],
            r["steps"],
            f"`{r['hash'][:16]}`",
            cpu.get((r["preset"], r["steps"])) == r["hash"],
        ]
        for r in found["hashes"]
    ]
    lines.append(
        table("The same bits", ["preset", "device", "steps", "hash", "the CPU's"], hashes, 2)
    )
    training = [
        [
            r["model"],
            r["data"],
            r["device"],
            r["steps"],
            r["seconds"],
            r["test"].get("elbo"),
            r["test"].get("kl"),
            r["test"].get("active"),
        ]
        for r in found["training"]
    ]
    lines.append(
        table(
            "Training",
            ["model", "data", "device", "steps", "seconds", "held-out ELBO", "KL", "active"],
            training,
            3,
        )
    )
    lines.append(
        table("Tests", ["section", "result"], [list(t.values()) for t in found["tests"]], 2)
    )
    lines.append(
        table(
            "Sections",
            ["section", "state", "seconds", "note"],
            [list(s.values()) for s in found["sections"]],
            2,
        )
    )
    return "\n".join(lines)


def main():
    folder, results = sys.argv[1:]
    found = collect(folder)
    with open(os.path.join(results, "gpu.json"), "w") as file:
        json.dump(found, file, indent=1)
        file.write("\n")
    with open(os.path.join(results, "gpu.md"), "w") as file:
        file.write(markdown(found))
    for t in found["targets"]:
        if t["measured"] is not None:
            print(f"{t['target']}: {t['measured']} (wanted {t['wanted']})")
    print(f"{results}/gpu.json, {results}/gpu.md")


main()
