//! Dates for people to read, without a dependency and without a time zone but UTC.

use stormproof_ports::time::Time;

const SECONDS_OF_A_DAY: i64 = 86_400;

/// RFC 3339 §5.6 in UTC, to the second: `2001-09-09T01:46:40Z`. What lies outside of the years
/// 1970 to 9999 shows the nearest second within.
pub fn rfc3339(time: Time) -> String {
    let seconds = time.seconds().clamp(0, 253_402_300_799);
    let (year, month, day) = date(seconds / SECONDS_OF_A_DAY);
    let second = seconds % SECONDS_OF_A_DAY;
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// The Gregorian date `days` after 1970-01-01. Years are counted from March here, so that a leap
/// day is the last of its year, and in eras of 400 years, which all have 146,097 days.
fn date(days: i64) -> (i64, i64, i64) {
    let since_march_0000 = days + 719_468;
    let era = since_march_0000 / 146_097;
    let day_of_era = since_march_0000 % 146_097;
    let leap_days = day_of_era / 1460 - day_of_era / 36_524 + day_of_era / 146_096;
    let year_of_era = (day_of_era - leap_days) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // Months from March alternate 31 and 30 days in runs of five, 153 days long.
    let months_since_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * months_since_march + 2) / 5 + 1;
    let month = (months_since_march + 2) % 12 + 1;
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_instants() {
        let shown = |seconds: i64| rfc3339(Time(seconds * 1_000_000 + 999_999));
        assert_eq!(shown(0), "1970-01-01T00:00:00Z");
        assert_eq!(shown(951_782_399), "2000-02-28T23:59:59Z");
        assert_eq!(shown(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(shown(1_000_000_000), "2001-09-09T01:46:40Z");
        assert_eq!(shown(4_107_542_400), "2100-03-01T00:00:00Z");
        assert_eq!(rfc3339(Time(i64::MAX)), "9999-12-31T23:59:59Z");
        assert_eq!(rfc3339(Time(-1)), "1970-01-01T00:00:00Z");
    }

    #[test]
    fn every_day_follows_the_one_before() {
        let mut before = date(0);
        for days in 1..300_000 {
            let today = date(days);
            let (year, month, day) = before;
            let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            let length = [31, 28 + i64::from(leap), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
            let expected = match (month, day == length[month as usize - 1]) {
                (_, false) => (year, month, day + 1),
                (12, true) => (year + 1, 1, 1),
                (_, true) => (year, month + 1, 1),
            };
            assert_eq!(today, expected);
            before = today;
        }
    }
}
