//! Points in time, as they are stored.

use std::fmt;

/// Milliseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(pub u64);

impl fmt::Display for Timestamp {
    /// Lambda's `LastModified` form: `2025-11-25T02:38:44.000+0000`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let days = self.0 / 86_400_000;
        let ms_of_day = self.0 % 86_400_000;
        let (year, month, day) = civil_date(days);
        let hour = ms_of_day / 3_600_000;
        let minute = ms_of_day / 60_000 % 60;
        let second = ms_of_day / 1000 % 60;
        let ms = ms_of_day % 1000;
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}+0000")
    }
}

impl Timestamp {
    /// The form of records and events: `2025-11-25T02:38:44.000Z`.
    pub fn iso(&self) -> String {
        let text = self.to_string();
        format!("{}Z", text.trim_end_matches("+0000"))
    }

    /// The day in UTC: `2025-11-25`.
    pub fn date(&self) -> String {
        let (year, month, day) = civil_date(self.0 / 86_400_000);
        format!("{year:04}-{month:02}-{day:02}")
    }
}

/// Year, month and day of a number of days since 1970-01-01, after Howard Hinnant's
/// "chrono-Compatible Low-Level Date Algorithms".
pub fn civil_date(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);

    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_as_aws_writes_them() {
        assert_eq!(Timestamp(0).to_string(), "1970-01-01T00:00:00.000+0000");
        assert_eq!(Timestamp(1_764_038_324_007).to_string(), "2025-11-25T02:38:44.007+0000");
        assert_eq!(Timestamp(1_764_038_324_007).iso(), "2025-11-25T02:38:44.007Z");
        assert_eq!(Timestamp(951_782_400_000).to_string(), "2000-02-29T00:00:00.000+0000");
    }
}
