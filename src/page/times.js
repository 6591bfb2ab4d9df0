// Days, points in time and times of day in a condition, as text and as numbers of nanoseconds.
((pokedex) => {
  "use strict";

  const DAY = 86_400_000_000_000n;
  const SECOND = 1_000_000_000n;

  const EXAMPLES = { date: "2024-12-31", timestamp: "2024-12-31 23:59:59", time: "23:59:59" };

  /** The nanoseconds from 1970 to a day; null where the calendar has none such. */
  function day(year, month, date) {
    const made = new Date(0);
    made.setUTCFullYear(year, month - 1, date);
    const isIt = made.getUTCFullYear() === year && made.getUTCMonth() === month - 1 && made.getUTCDate() === date;
    return isIt ? BigInt(made.getTime() / 86_400_000) * DAY : null;
  }

  /** The nanoseconds of a day up to a time. */
  function clock(hours, minutes, seconds, fraction) {
    if (hours > 23 || minutes > 59 || seconds > 59) return null;
    const nanoseconds = BigInt((fraction ?? "").slice(0, 9).padEnd(9, "0"));
    return BigInt(hours * 3600 + minutes * 60 + seconds) * SECOND + nanoseconds;
  }

  const CLOCK = String.raw`(\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d+))?)?`;
  const DAYS = String.raw`([+-]?\d{4,})-(\d{1,2})-(\d{1,2})`;
  const ZONE = String.raw`\s*(Z|UTC|[+-]\d{2}:?\d{2})`;
  const DATE = new RegExp(`^${DAYS}$`);
  const TIME = new RegExp(`^${CLOCK}$`);
  const STAMP = new RegExp(`^${DAYS}(?:[T ]${CLOCK}(?:${ZONE})?)?$`, "i");

  /** A text as a point in time of a kind (`date`, `timestamp`, `time`); null where it is none. */
  function parse(text, kind) {
    const trimmed = text.trim();
    if (kind === "time") {
      const found = TIME.exec(trimmed);
      return found === null ? null : clock(+found[1], +found[2], +(found[3] ?? 0), found[4]);
    }
    const found = (kind === "date" ? DATE : STAMP).exec(trimmed);
    if (found === null) return null;
    const start = day(+found[1], +found[2], +found[3]);
    if (start === null || kind === "date" || found[4] === undefined) return start;
    const time = clock(+found[4], +found[5], +(found[6] ?? 0), found[7]);
    return time === null ? null : start + time - zone(found[8]);
  }

  /** How far a zone is ahead of UTC. */
  function zone(text) {
    const found = /^([+-])(\d{2}):?(\d{2})$/.exec(text ?? "");
    if (found === null) return 0n;
    const ahead = BigInt(+found[2] * 3600 + +found[3] * 60) * SECOND;
    return found[1] === "-" ? -ahead : ahead;
  }

  pokedex.offline.times = { parse, EXAMPLES };
})((globalThis.pokedex ??= {}));
