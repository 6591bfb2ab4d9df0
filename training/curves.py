"""The logs as one picture, log/curves.png."""
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from common import HERE, read_csv


def draw():
    """Loss and held-out accuracy of the branch; CLIP's neighbours and development queries of the anchors."""
    figure, axes = plt.subplots(1, 3, figsize=(15, 5), layout="constrained")
    towers, aligned = read_csv(HERE / "log" / "tower.csv"), read_csv(HERE / "log" / "align.csv")
    ends, before = {}, 0
    for phase in dict.fromkeys(r["phase"] for r in towers):
        ends[phase] = before
        before += max(int(r["pictures"]) for r in towers if r["phase"] == phase)
    at = [(int(r["pictures"]) + ends[r["phase"]]) / 1e6 for r in towers]
    changes = [end / 1e6 for end in ends.values() if end]
    axes[0].plot(at, [float(r["loss"]) for r in towers], label="loss")
    axes[0].set(title="branch: loss", xlabel="million pictures", ylabel="loss")
    for name in ("train_top1", "dreamworld", "sprites", "older", "icons", "team_crops", "wild_a"):
        axes[1].plot(at, [float(r[name]) for r in towers], label=name)
    axes[1].set(title="branch: species, top-1 of 1025", xlabel="million pictures", ylim=(0, 1))
    step = [int(r["step"]) + (max(int(q["step"]) for q in aligned if q["phase"] == "a") if r["phase"] == "b" else 0) for r in aligned]
    for name in ("dev_mrr", "dev_p5", "clip_overlap10", "clip_overlap10_withheld"):
        axes[2].plot(step, [float(r[name]) for r in aligned], label=name)
    axes[2].set(title="anchors and text tower", xlabel="step", ylim=(0, 1.02))
    for axis, xs in zip(axes, (changes, changes, [max(int(r["step"]) for r in aligned if r["phase"] == "a")])):
        for x in xs:
            axis.axvline(x, color="grey", linestyle=":", linewidth=1)
        axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=3, fontsize=8, frameon=False)
        axis.grid(alpha=0.3)
    figure.savefig(HERE / "log" / "curves.png", dpi=80)


if __name__ == "__main__":
    draw()
