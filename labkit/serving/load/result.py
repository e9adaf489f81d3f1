"""What one run of the load generator found."""

from dataclasses import dataclass, field, fields

from hdrh.histogram import HdrHistogram

MATERIAL = 0.1  # of a wait: so much of it is worth a remark
BEHIND = 0.95  # of what arrived: a server that answers less of it in the same time falls behind
KEPT = {"repr": False, "compare": False, "metadata": {"kept": True}}  # for notebooks, not for the command line


@dataclass(frozen=True)
class Result:
    """sent = ok + failed: the requests wanted in the counted seconds. The waits are those of the ok ones, `samples`.

    rate: ok answers a second. A percentile is None where the client was the bottleneck (client_bound), or where the
    samples are too few; `why` says which. In the closed loop the percentiles are corrected for coordinated omission,
    and p99_uncorrected_ms is not; in the open loop, which omits nothing, it is None.
    client_busy: share of a core that the client's process used; client_starved: share of the time that it waited for
    one. client_late_ms: p99 of the lateness of what the client does at set moments (its sends, in the open loop).
    statuses: how many answers had each; errors: how many requests got none, by reason.
    histogram: of microseconds, as reported. uncorrected: the same as measured.
    """

    sent: int
    ok: int
    failed: int
    rate: float
    p50_ms: float | None
    p99_ms: float | None
    p999_ms: float | None
    max_ms: float | None
    samples: int
    client_bound: bool
    loop: str
    connections: int
    seconds: float
    wanted_rate: float | None
    p99_uncorrected_ms: float | None
    client_busy: float
    client_starved: float
    client_late_ms: float
    statuses: dict[str, int]
    errors: dict[str, int]
    why: str
    histogram: HdrHistogram = field(**KEPT)
    uncorrected: HdrHistogram = field(**KEPT)

    def as_dict(self) -> dict:
        """As `labkit load --json` prints it."""
        return {each.name: getattr(self, each.name) for each in fields(self) if not each.metadata.get("kept")}

    def as_text(self) -> str:
        """A few lines for a person."""
        lines = [self.headline(), self.counts(), self.waits(), self.own()]
        return "\n".join([*lines, *self.remarks()])

    def headline(self) -> str:
        if self.loop == "open":
            asked = f"{self.wanted_rate:g} requests a second, at random moments, over {self.connections} connections"
        else:
            asked = f"{self.connections} connections, each asks again when it is answered"
        return f"{self.loop.capitalize()} loop: {asked}, for {self.seconds:g} s."

    def counts(self) -> str:
        return (
            f"  {self.rate:.1f} answers a second; {self.sent} sent, {self.ok} ok, {self.failed} failed{self.failures()}"
        )

    def failures(self) -> str:
        kinds = {status: count for status, count in self.statuses.items() if status != "200"} | self.errors
        return f" ({', '.join(f'{what}: {count}' for what, count in kinds.items())})" if kinds else ""

    def waits(self) -> str:
        values = {"p50": self.p50_ms, "p99": self.p99_ms, "p99.9": self.p999_ms, "max": self.max_ms}
        text = "   ".join(f"{name} {shown(value)}" for name, value in values.items())
        if self.p99_uncorrected_ms is not None:
            text += f"   (p99 as a waiting client sees it: {shown(self.p99_uncorrected_ms)})"
        return f"  {text}"

    def own(self) -> str:
        return (
            f"  the client used {self.client_busy:.0%} of a core, waited for one for {self.client_starved:.0%} of the "
            f"time, and was {self.client_late_ms:.2f} ms late at p99"
        )

    def remarks(self) -> list[str]:
        lines = [f"{self.why[:1].upper()}{self.why[1:]}"] if self.why else []
        if self.p99_ms and self.client_late_ms > MATERIAL * self.p99_ms:
            lines.append(f"Of the p99, up to {self.client_late_ms / self.p99_ms:.0%} may be the client's own lateness.")
        if self.loop == "open" and self.p50_ms is not None and self.rate < BEHIND * self.sent / self.seconds:
            lines.append(
                f"The server kept up with {self.rate:.1f} of {self.sent / self.seconds:.1f} requests a second: waits "
                "grow for as long as such a load lasts, and say more of that length than of the server."
            )
        return lines


def shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g} ms" if value < 1000 else f"{value:.0f} ms"
