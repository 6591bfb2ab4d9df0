//! Points in time on a camera's clock.

const DAYS: [u32; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/// A wall clock, and how far it is from UTC where that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment {
    /// Microseconds since the start of 1970 on that clock.
    pub micros: i64,
    /// Minutes ahead of UTC.
    pub offset: Option<i16>,
}

impl Moment {
    /// Reads `2025:01:31 23:59:59` of EXIF and `2025-01-31T23:59:59.07+02:00` of XMP; a day without a time is its
    /// start. `None` where it is no point in time.
    pub(super) fn read(text: &str) -> Option<Moment> {
        let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\0');
        let day = text.get(..10)?;
        let separator = *day.as_bytes().get(4)?;
        if ![b':', b'-', b'/', b'.'].contains(&separator) || day.as_bytes()[7] != separator {
            return None;
        }
        let (year, month, date) = (number(&day[..4])?, number(&day[5..7])?, number(&day[8..10])?);
        let rest = &text[10..];
        if rest.is_empty() {
            return Moment::of(year, month, date, (0, 0, 0), 0, None);
        }
        let clock = rest.strip_prefix(['T', ' ', 't'])?.trim_start();
        let end = clock.find(['Z', 'z', '+', '-']).unwrap_or(clock.len());
        let (clock, zone) = clock.split_at(end);
        let (clock, fraction) = clock.trim_end().split_once('.').unwrap_or((clock.trim_end(), ""));
        let mut parts = clock.split(':');
        let (hour, minute) = (number(parts.next()?)?, number(parts.next()?)?);
        let second = parts.next().map_or(Some(0), number)?;
        if parts.next().is_some() {
            return None;
        }
        let micros = if fraction.is_empty() { 0 } else { subseconds(fraction)? };
        Moment::of(year, month, date, (hour, minute, second), micros, offset(zone))
    }

    /// The day of a calendar and the time of a clock; `None` where there is none such.
    pub(super) fn of(
        year: u32,
        month: u32,
        day: u32,
        (hour, minute, second): (u32, u32, u32),
        micros: u32,
        offset: Option<i16>,
    ) -> Option<Moment> {
        let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let days = DAYS.get(month.checked_sub(1)? as usize)? + u32::from(leap && month == 2);
        let fits = (1..=9999).contains(&year) && (1..=days).contains(&day) && hour < 24 && minute < 60 && second < 60;
        if !fits {
            return None;
        }
        let seconds = ((days_since_1970(year, month, day) * 24 + i64::from(hour)) * 60 + i64::from(minute)) * 60;
        Some(Moment { micros: (seconds + i64::from(second)) * 1_000_000 + i64::from(micros), offset })
    }

    /// Whether both show the same second.
    pub(super) fn is_second_of(self, other: Moment) -> bool {
        self.micros.div_euclid(1_000_000) == other.micros.div_euclid(1_000_000)
    }

    /// With the fraction of a second, as digits, and the offset that stand in fields of their own.
    pub(super) fn with(self, fraction: Option<&str>, zone: Option<&str>) -> Moment {
        let micros = fraction.and_then(|digits| subseconds(digits.trim())).unwrap_or(0);
        let own = self.micros.rem_euclid(1_000_000);
        let micros = if own == 0 { self.micros + i64::from(micros) } else { self.micros };
        Moment { micros, offset: zone.and_then(offset).or(self.offset) }
    }
}

/// The proleptic Gregorian calendar (Howard Hinnant, *chrono-compatible low-level date algorithms*, `days_from_civil`).
fn days_since_1970(year: u32, month: u32, day: u32) -> i64 {
    let (year, month, day) = (i64::from(year) - i64::from(month <= 2), i64::from(month), i64::from(day));
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Digits alone.
pub(super) fn number(digits: &str) -> Option<u32> {
    let plain = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
    plain.then(|| digits.parse().ok()).flatten()
}

/// The digits behind a point, as microseconds: `07` is 0.07.
fn subseconds(digits: &str) -> Option<u32> {
    if !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    number(&format!("{digits:0<6}")[..6])
}

/// `Z`, `+02:00`, `-0330`, `+5`; `None` where it is blank, or no offset of any zone.
pub(super) fn offset(text: &str) -> Option<i16> {
    let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\0');
    if text.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let (sign, clock) = match text.split_at_checked(1)? {
        ("+", clock) => (1, clock),
        ("-", clock) => (-1, clock),
        _ => return None,
    };
    let (hours, minutes) = match clock.split_once(':') {
        Some(parts) => parts,
        None if clock.len() == 4 => clock.split_at_checked(2)?,
        None => (clock, "0"),
    };
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    let fits = hours <= 14 && minutes < 60;
    fits.then(|| i16::try_from(hours * 60 + minutes).ok().map(|ahead| sign * ahead)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Option<(i64, Option<i16>)> {
        Moment::read(text).map(|moment| (moment.micros, moment.offset))
    }

    #[test]
    fn the_clocks_of_exif_and_of_xmp_are_read() {
        assert_eq!(at("1970:01:01 00:00:00"), Some((0, None)));
        assert_eq!(at("1969:12:31 23:59:59\0"), Some((-1_000_000, None)));
        assert_eq!(at("2024:02:29 12:00:00"), Some((1_709_208_000_000_000, None)));
        assert_eq!(at("2024-02-29T12:00:00.07+02:00"), Some((1_709_208_000_070_000, Some(120))));
        assert_eq!(at("2024-02-29T12:00Z"), Some((1_709_208_000_000_000, Some(0))));
        assert_eq!(at("2024-02-29T12:00:00.1234567-03:30"), Some((1_709_208_000_123_456, Some(-210))));
        assert_eq!(at("2024-02-29"), Some((1_709_164_800_000_000, None)));
        assert_eq!(at("0001:01:01 00:00:00").map(|(micros, _)| micros), Some(-62_135_596_800_000_000));
    }

    #[test]
    fn what_is_no_point_in_time_is_none() {
        for text in [
            "0000:00:00 00:00:00",
            "    :  :     :  :  ",
            "",
            "2024",
            "2024-02",
            "2023:02:29 12:00:00",
            "2024:13:01 00:00:00",
            "2024:01:01 24:00:00",
            "2024:01:01 00:60:00",
            "2024:01:01 00:00:60",
            "2024:01:01 12",
            "2024:01:01 +1:00:00",
            "2024:01-01 00:00:00",
            "20240101 000000",
            "é024:01:01 00:00:00",
            "2024:01:01é00:00:00",
        ] {
            assert_eq!(at(text), None, "{text}");
        }
    }

    #[test]
    fn fractions_are_text_and_offsets_may_be_unknown() {
        let moment = Moment { micros: 0, offset: None };
        assert_eq!(moment.with(Some("07"), Some("+05:45")), Moment { micros: 70_000, offset: Some(345) });
        assert_eq!(moment.with(Some("7  "), Some("   :  ")), Moment { micros: 700_000, offset: None });
        assert_eq!(moment.with(Some("x1"), Some("+99:00")), moment);
        assert_eq!(moment.with(None, Some("-11")), Moment { micros: 0, offset: Some(-660) });
        assert_eq!(moment.with(Some(""), None), moment);
    }
}
